// read_idx, read_images: images in the format of MNIST, and as many labels as they should have.
#include "experiments/table/read/idx.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

namespace {

// One label, 7, for each of so many images.
Source labels_for(Index images) {
  std::string bytes("\0\0\x08\x01", 4);
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(images >> shift & 255);
  return memory_source("labels", bytes + std::string(static_cast<std::size_t>(images), '\7'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = text_of(data, size);
  try {
    const Idx idx = read_idx(memory_source("input", bytes));
    Index count = 1;
    for (const Index axis : idx.sizes) count *= axis;
    must(count == std::ssize(idx.bytes), "there are as many numbers as the sizes say");
    if (idx.bytes.empty()) return 0;
    const LabelledImages read =
        read_images(memory_source("input", bytes), labels_for(idx.sizes[0]));
    must(read.data.points.size() == count, "each pixel is there");
    must(read.data.labels.size() == static_cast<std::size_t>(idx.sizes[0]), "and each label");
    for (const real pixel : read.data.points.values())
      must(0 <= pixel && pixel <= 1, "pixels are from 0 to 1");
  } catch (const FileError& error) {
    must(std::string(error.what()).starts_with("read: input: "), "an error names the file");
  }
  return 0;
}
