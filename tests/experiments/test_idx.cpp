// Images in the format of MNIST: what is read of them, and what is said of those that cannot be.
#include "experiments/table/read/idx.h"

#include "tests/catch.h"

namespace gradflow {
namespace {

using namespace std::string_literals;

// Two images of 2 x 3 pixels, and their labels.
const std::string kImages =
    "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03\0\x33\x66\x99\xcc\xff@ABCDE"s;
const std::string kLabels = "\0\0\x08\x01\0\0\0\x02\x09\xc8"s;

LabelledImages read_pair(const std::string& images, const std::string& labels) {
  return read_images(memory_source("images", images), memory_source("labels", labels));
}

std::string error_of_pair(const std::string& images, const std::string& labels = kLabels) {
  return message_of<FileError>([&] { read_pair(images, labels); });
}

TEST_CASE("IDX: images are rows from 0 to 1, each with its label", "[table]") {
  const LabelledImages two = read_pair(kImages, kLabels);
  CHECK(two.height == 2);
  CHECK(two.width == 3);
  CHECK(two.data.points.shape() == Shape{2, 6});
  for (Index p = 0; p < 6; ++p)
    CHECK(two.data.points.at({0, p}) == Approx(0.2 * static_cast<double>(p)));
  CHECK(two.data.points.at({1, 0}) == Approx(64. / 255));
  CHECK(two.data.labels == std::vector<Index>{9, 200});
}

TEST_CASE("IDX: sizes have four bytes, the highest first", "[table]") {
  const Idx idx =
      read_idx(memory_source("t", "\0\0\x08\x02\0\0\x01\x02\0\0\0\x03"s + std::string(774, 'x')));
  CHECK(idx.sizes == std::vector<Index>{258, 3});
  CHECK(idx.bytes.size() == 774);
}

TEST_CASE("IDX: what cannot be read is refused, with the file's name", "[table]") {
  const std::string no_idx =
      "read: images: it is no IDX file: it does not begin with two zeros, a kind of numbers and a "
      "number of axes";
  CHECK(error_of_pair("\x01"s + kImages.substr(1)) == no_idx);
  CHECK(error_of_pair("\0\x01"s + kImages.substr(2)) == no_idx);
  CHECK(error_of_pair("\0\0\x08\0"s) == no_idx);
  CHECK(error_of_pair("\0\0\x0d"s + kImages.substr(3)) ==
        "read: images: its numbers are of kind 13; 8, unsigned bytes, is required");
  for (std::size_t size = 0; size < 16; ++size) {
    INFO(size << " bytes");
    CHECK(error_of_pair(kImages.substr(0, size)) ==
          "read: images: it ends within its header: cut short?");
  }
  CHECK(error_of_pair(kImages.substr(0, 27)) ==
        "read: images: it has 11 numbers, its sizes (2, 2, 3) require 12: cut short?");
  CHECK(error_of_pair(kImages + "F") ==
        "read: images: it has 13 numbers, its sizes (2, 2, 3) require 12: damaged?");
  CHECK(error_of_pair("\0\0\x08\x03"s + std::string(12, '\xff')) ==
        "read: images: its sizes are too large: damaged?");
}

TEST_CASE("IDX: images and labels that do not fit are refused", "[table]") {
  CHECK(error_of_pair(kLabels) ==
        "read: images: its sizes are (2); images, rows and columns are required");
  CHECK(error_of_pair("\0\0\x08\x03\0\0\0\0\0\0\0\x02\0\0\0\x03"s) ==
        "read: images: its sizes are (0, 2, 3); images, rows and columns are required");
  const std::string required = "(2), a label for each image of images, is required";
  CHECK(error_of_pair(kImages, kImages) == "read: labels: its sizes are (2, 2, 3); " + required);
  CHECK(error_of_pair(kImages, "\0\0\x08\x01\0\0\0\x01\x09"s) ==
        "read: labels: its sizes are (1); " + required);
}

}  // namespace
}  // namespace gradflow
