#include "experiments/table/write/arrays.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include "experiments/run/files/file_error.h"
#include "experiments/table/read/npy.h"

namespace gradflow {
namespace {

// A number of so many bytes, the lowest first.
std::string number(std::uint64_t value, std::size_t width) {
  std::string bytes(width, '\0');
  for (std::size_t i = 0; i < width && value > 0; ++i, value >>= 8)
    bytes[i] = static_cast<char>(value & 0xff);
  return bytes;
}

std::string text_of(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis)
    text += fmt::format("{}{}", shape[axis], axis == 0 || axis + 1 < shape.rank() ? "," : "");
  return text + ")";
}

std::uint32_t checksum(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

// The header is filled with blanks, so that the numbers begin at a multiple of 64 bytes.
std::string npy_bytes(const Tensor& array) {
  constexpr std::size_t kBegin = 10, kAlignment = 64;
  std::string header = fmt::format("{{'descr': '<f{}', 'fortran_order': False, 'shape': {}, }}",
                                   sizeof(real), text_of(array.shape()));
  header.append(kAlignment - (kBegin + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes = std::string(kNpyMagic) + number(1, 2) + number(header.size(), 2) + header;
  return bytes.append(reinterpret_cast<const char*>(array.data()),
                      static_cast<std::size_t>(array.size()) * sizeof(real));
}

std::string npz_bytes(const std::vector<std::pair<std::string, Tensor>>& arrays) {
  constexpr std::uint64_t kVersion = 20, kUtf8 = 1 << 11, kStored = 0, kLongAgo = 1 << 21 | 1 << 16;
  std::string file, directory;
  for (const auto& [name, array] : arrays) {
    const std::string bytes = npy_bytes(array), member = name + ".npy";
    const std::string about = number(kVersion, 2) + number(kUtf8, 2) + number(kStored, 2) +
                              number(kLongAgo, 4) + number(checksum(bytes), 4) +
                              number(bytes.size(), 4) + number(bytes.size(), 4) +
                              number(member.size(), 2) + number(0, 2);
    directory += "PK\x01\x02" + number(kVersion, 2) + about + number(0, 10) +
                 number(file.size(), 4) + member;
    file += "PK\x03\x04" + about + member + bytes;
    require<FileError>(file.size() + directory.size() < 0xffffffff && member.size() < 0xffff,
                       "npz: more than 4 GB; hint: .npy or .safetensors");
  }
  return file + directory + "PK\x05\x06" + number(0, 4) + number(arrays.size(), 2) +
         number(arrays.size(), 2) + number(directory.size(), 4) + number(file.size(), 4) +
         number(0, 2);
}

}  // namespace gradflow
