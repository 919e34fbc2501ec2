// decode_pgm, decode_png: a picture that becomes a density.
#include "experiments/data/picture.h"
#include "tensor/error.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = text_of(data, size);
  for (const auto& decode : {decode_pgm, decode_png}) try {
      const Picture read = decode(bytes, "input");
      must(read.width > 0 && read.height > 0, "a picture has pixels");
      must(std::ssize(read.brightness) == read.width * read.height, "each pixel is there");
      for (const double value : read.brightness)
        must(0 <= value && value <= 1, "pixels are from 0 to 1");
    } catch (const Error& error) {
      must(std::string(error.what()).starts_with("input: "), "an error names the file");
    }
  return 0;
}
