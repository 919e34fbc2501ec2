// Where libpng was not there when this was built: see picture_png.cpp.
#include "experiments/data/picture.h"
#include "tensor/error.h"

namespace gradflow {

Picture decode_png(const std::string&, const std::string& name) {
  throw Error(name +
              ": PNG files cannot be read, as this was built without libpng; hint: convert "
              "picture.png picture.pgm, or install libpng-dev and build again");
}

}  // namespace gradflow
