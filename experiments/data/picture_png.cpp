// Pictures from PNG files: libpng's simplified interface, which turns whatever a file holds into
// one byte of grey for each pixel.
#include <png.h>

#include <memory>

#include "experiments/data/picture.h"
#include "tensor/error.h"

namespace gradflow {

Picture decode_png(const std::string& bytes, const std::string& name) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> held(&image, png_image_free);
  const auto read = [&](int done) {
    require<Error>(done != 0 && !PNG_IMAGE_FAILED(image), "{}: not a PNG that can be read: {}",
                   name, image.message);
  };
  read(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
  check_size_of_picture(image.width, image.height, name);
  image.format = PNG_FORMAT_GRAY;
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // shades of 16 bits mean what those of 8 do
  const png_color black{0, 0, 0};
  std::vector<png_byte> grey(PNG_IMAGE_SIZE(image));
  read(png_image_finish_read(&image, &black, grey.data(), 0, nullptr));
  Picture picture{image.width, image.height, {grey.begin(), grey.end()}};
  for (double& value : picture.brightness) value /= 255;
  return picture;
}

}  // namespace gradflow
