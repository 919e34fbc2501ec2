#include "experiments/table/read/idx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradflow {
namespace {

constexpr Index kMostNumbers = Index{1} << 40;
constexpr unsigned char kUnsignedByte = 8;

unsigned char byte_at(const std::string& bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::string taken(Source& source, std::size_t count) {
  std::string bytes(count, '\0');
  require<FileError>(source.read(bytes.data(), count) == count,
                     "read: {}: it ends within its header: cut short?", source.name());
  return bytes;
}

Index big_endian(const std::string& bytes) {
  Index value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value = value * 256 + byte_at(bytes, i);
  return value;
}

std::string listed(const std::vector<Index>& sizes) {
  return fmt::format("{}", fmt::join(sizes, ", "));
}

}  // namespace

Idx read_idx(Source source) {
  const std::string start = taken(source, 4);
  require<FileError>(start[0] == 0 && start[1] == 0 && start[3] != 0,
                     "read: {}: it is no IDX file: it does not begin with two zeros, a kind of "
                     "numbers and a number of axes",
                     source.name());
  require<FileError>(byte_at(start, 2) == kUnsignedByte,
                     "read: {}: its numbers are of kind {}; 8, unsigned bytes, is required",
                     source.name(), byte_at(start, 2));
  Idx idx;
  Index count = 1;
  for (int axis = 0; axis < byte_at(start, 3); ++axis) {
    const Index size = big_endian(taken(source, 4));
    require<FileError>(size == 0 || count <= kMostNumbers / size,
                       "read: {}: its sizes are too large: damaged?", source.name());
    idx.sizes.push_back(size);
    count *= size;
  }
  idx.bytes = source.rest();
  require<FileError>(std::ssize(idx.bytes) == count,
                     "read: {}: it has {} numbers, its sizes ({}) require {}: {}", source.name(),
                     idx.bytes.size(), listed(idx.sizes), count,
                     std::ssize(idx.bytes) < count ? "cut short?" : "damaged?");
  return idx;
}

LabelledImages read_images(Source images, Source labels) {
  const std::string of_images = images.name(), of_labels = labels.name();
  const Idx pixels = read_idx(std::move(images)), classes = read_idx(std::move(labels));
  require<FileError>(pixels.sizes.size() == 3 && !pixels.bytes.empty(),
                     "read: {}: its sizes are ({}); images, rows and columns are required",
                     of_images, listed(pixels.sizes));
  require<FileError>(
      classes.sizes.size() == 1 && classes.sizes[0] == pixels.sizes[0],
      "read: {}: its sizes are ({}); ({}), a label for each image of {}, is required", of_labels,
      listed(classes.sizes), pixels.sizes[0], of_images);
  LabelledImages read{.height = pixels.sizes[1], .width = pixels.sizes[2]};
  read.data.points = Tensor({pixels.sizes[0], read.height * read.width});
  real* const to = read.data.points.mutable_data();
  for (std::size_t i = 0; i < pixels.bytes.size(); ++i)
    to[i] = static_cast<real>(byte_at(pixels.bytes, i)) / 255;
  for (std::size_t i = 0; i < classes.bytes.size(); ++i)
    read.data.labels.push_back(byte_at(classes.bytes, i));
  return read;
}

}  // namespace gradflow
