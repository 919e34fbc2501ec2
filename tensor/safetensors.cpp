#include "tensor/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tensor/error.h"
#include "tensor/json_header.h"

namespace gradflow {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the reference implementation's limit
constexpr const char* kOwnDtype = sizeof(real) == 4 ? "F32" : "F64";

template <class Stored>
void convert(const char* bytes, Tensor& x) {
  real* out = x.mutable_data();
  for (Index i = 0; i < x.size(); ++i) {
    Stored value;
    std::memcpy(&value, bytes + static_cast<std::size_t>(i) * sizeof(Stored), sizeof(Stored));
    out[i] = static_cast<real>(value);
  }
}

// True if a tensor of these sizes has exactly that many bytes. A product of sizes that is too large
// for an Index never fits, not even if another size is 0.
bool fits(const std::vector<std::uint64_t>& sizes, std::uint64_t width, std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  std::uint64_t count = 1;  // of elements, without regard to sizes of 0
  bool empty = false;
  for (const std::uint64_t size : sizes) {
    if (size == 0) {
      empty = true;
    } else {
      if (count > kMost / size) return false;
      count *= size;
    }
  }
  return bytes % width == 0 && bytes / width == (empty ? 0 : count);
}

Tensor decode_entry(const HeaderEntry& entry, const char* data, std::uint64_t data_size) {
  const std::uint64_t width = entry.dtype == "F32" ? 4 : entry.dtype == "F64" ? 8 : 0;
  if (width == 0)
    throw FileError(fmt::format("tensor \"{}\" is of dtype {}; F32 or F64 is required", entry.name,
                                entry.dtype));
  if (entry.begin > entry.end || entry.end > data_size)
    throw FileError(fmt::format("tensor \"{}\" lies at bytes {} to {}; the file holds {}",
                                entry.name, entry.begin, entry.end, data_size));
  if (entry.shape.size() > Shape::kMaxRank)
    throw FileError(fmt::format("tensor \"{}\" has {} axes; at most {} are supported", entry.name,
                                entry.shape.size(), Shape::kMaxRank));
  if (!fits(entry.shape, width, entry.end - entry.begin))
    throw FileError(fmt::format("tensor \"{}\" has {} bytes, which do not fit its shape",
                                entry.name, entry.end - entry.begin));
  Shape shape;
  for (const std::uint64_t size : entry.shape)
    shape = shape.inserted(shape.rank(), static_cast<Index>(size));
  Tensor x(shape);
  (width == 4 ? convert<float> : convert<double>)(data + entry.begin, x);
  return x;
}

// Tensors must lie one after another: overlaps and gaps would hide something.
void check_layout(std::vector<HeaderEntry> entries, std::uint64_t data_size) {
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (const HeaderEntry& entry : entries) {
    if (entry.begin != end)
      throw FileError(fmt::format("tensor \"{}\" begins at byte {}, the one before ends at {}",
                                  entry.name, entry.begin, end));
    end = entry.end;
  }
  if (end != data_size)
    throw FileError(fmt::format("its tensors end at byte {} of {}", end, data_size));
}

TensorFile decode(const std::string& bytes) {
  std::uint64_t header_size = 0;
  if (bytes.size() < sizeof(header_size))
    throw FileError(
        fmt::format("{} bytes; at least {} are required", bytes.size(), sizeof(header_size)));
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  if (header_size > kLongestHeader || header_size > bytes.size() - sizeof(header_size))
    throw FileError(
        fmt::format("a header of {} bytes announced in a file of {}; not a safetensors "
                    "file, or cut short",
                    header_size, bytes.size()));
  const Header header =
      parse_header(std::string_view(bytes).substr(sizeof(header_size), header_size));
  const std::size_t data_begin = sizeof(header_size) + header_size;
  const char* data = bytes.data() + data_begin;
  TensorFile contents{{}, header.metadata};
  for (const HeaderEntry& entry : header.entries)
    contents.tensors.emplace(entry.name, decode_entry(entry, data, bytes.size() - data_begin));
  check_layout(header.entries, bytes.size() - data_begin);
  return contents;
}

std::string system_message() { return std::strerror(errno); }

}  // namespace

std::string encode_tensors(const TensorFile& contents) {
  Header header{{}, contents.metadata};
  std::uint64_t end = 0;
  for (const auto& [name, x] : contents.tensors) {
    HeaderEntry entry{name, kOwnDtype, {}, end, end + x.values().size_bytes()};
    for (int axis = 0; axis < x.rank(); ++axis)
      entry.shape.push_back(static_cast<std::uint64_t>(x.shape()[axis]));
    end = entry.end;
    header.entries.push_back(std::move(entry));
  }
  std::string text = format_header(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the numbers begin at a multiple of 8
  const std::uint64_t header_size = text.size();
  std::string bytes(reinterpret_cast<const char*>(&header_size), sizeof(header_size));
  bytes += text;
  for (const auto& [name, x] : contents.tensors)
    bytes.append(reinterpret_cast<const char*>(x.data()), x.values().size_bytes());
  return bytes;
}

TensorFile decode_tensors(const std::string& bytes, const std::string& name) {
  try {
    return decode(bytes);
  } catch (const FileError& error) {
    throw FileError(fmt::format("load: {}: {}", name, error.what()));
  }
}

void save_tensors(const std::filesystem::path& path, const TensorFile& contents) {
  write_file(path, encode_tensors(contents));
}

TensorFile load_tensors(const std::filesystem::path& path) {
  return decode_tensors(read_file(path), path.string());
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  const std::string temporary = path.string() + ".tmp";
  const auto fail = [&](const char* what) {
    const std::string reason = system_message();
    ::unlink(temporary.c_str());
    throw FileError(fmt::format("save: {}: cannot {}: {}", path.string(), what, reason));
  };
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail("create the file");
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(file, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ::close(file);
      fail("write all of it");
    }
    written += static_cast<std::size_t>(n);
  }
  const bool synced = ::fsync(file) == 0;
  if (::close(file) != 0 || !synced) fail("write all of it");
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("rename the finished file");
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw FileError(
        fmt::format("load: {}: {}", path.string(),
                    std::filesystem::exists(path, ignored) ? "not a file" : "not there"));
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (std::filesystem::file_size(path, ignored) > 0) bytes << file.rdbuf();
  if (!file || !bytes)
    throw FileError(fmt::format("load: {}: cannot be read: {}", path.string(), system_message()));
  return std::move(bytes).str();
}

std::string hash_tensors(const std::map<std::string, Tensor>& tensors) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](const void* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  };
  for (const auto& [name, x] : tensors) {
    const std::string label = name + to_string(x.shape());
    add(label.data(), label.size());
    add(x.data(), x.values().size_bytes());
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace gradflow
