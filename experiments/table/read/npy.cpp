#include "experiments/table/read/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace gradflow {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

constexpr std::size_t kLongestHeader = 1 << 20;
constexpr Index kMostValues = Index{1} << 48;

// What stands behind 'key': in the header's dictionary, which Python writes in one way only.
std::string_view value_of(std::string_view text, std::string_view key) {
  const std::string quoted = fmt::format("'{}':", key);
  const std::size_t at = text.find(quoted);
  require<FileError>(at != text.npos, "its header has no {}", key);
  require<FileError>(text.find(quoted, at + 1) == text.npos, "its header has two {}", key);
  text.remove_prefix(at + quoted.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

void read_descr(std::string_view text, NpyHeader& header) {
  const std::size_t end = text.find('\'', 1);
  require<FileError>(text.starts_with('\'') && end != text.npos,
                     "it has fields of several kinds; hint: save a plain array of numbers");
  const std::string descr(text.substr(1, end - 1));
  require<FileError>(!descr.starts_with('>'),
                     "its numbers are big-endian (\"{:.20}\"); hint: array.astype(\"<f8\")", descr);
  for (const char* known :
       {"<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"}) {
    if (descr != known) continue;
    header.kind = descr[1];
    header.width = descr[2] - '0';
    return;
  }
  throw FileError(fmt::format(
      "its numbers are \"{:.20}\", which is not read; hint: array.astype(\"<f8\")", descr));
}

std::vector<Index> read_shape(std::string_view text) {
  const std::size_t end = text.find(')');
  require<FileError>(text.starts_with('(') && end != text.npos, "its shape cannot be read");
  std::vector<Index> sizes;
  const char* at = text.data() + 1;
  const char* const stop = text.data() + end;
  while (at < stop) {
    Index size = 0;
    const auto [after, error] = std::from_chars(at, stop, size);
    require<FileError>(error == std::errc{} && size >= 0, "its shape cannot be read");
    sizes.push_back(size);
    at = after;
    while (at < stop && (*at == ',' || *at == ' ')) ++at;
  }
  return sizes;
}

template <class Number>
double as_double(const char* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof(value));
  return static_cast<double>(value);
}

std::string header_text(Source& bytes) {
  constexpr std::size_t kStart = 8;
  std::string start(kStart, '\0');
  const std::size_t got = bytes.read(start.data(), kStart);
  require<FileError>(got == kStart && start.starts_with(kNpyMagic),
                     "it does not begin as .npy does");
  const int version = static_cast<unsigned char>(start[6]);
  require<FileError>(version >= 1 && version <= 3 && start[7] == 0,
                     "it is of version {}.{}; 1.0, 2.0 and 3.0 are read", version,
                     static_cast<unsigned char>(start[7]));
  std::uint32_t length = 0;
  const std::size_t digits = version == 1 ? 2 : 4;
  require<FileError>(bytes.read(reinterpret_cast<char*>(&length), digits) == digits,
                     "it ends within its header");
  require<FileError>(length <= kLongestHeader, "a header of {} bytes announced; {} at most", length,
                     kLongestHeader);
  std::string text(length, '\0');
  require<FileError>(bytes.read(text.data(), length) == length, "it ends within its header");
  return text;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view text) {
  NpyHeader header;
  read_descr(value_of(text, "descr"), header);
  const std::string_view order = value_of(text, "fortran_order");
  require<FileError>(order.starts_with("True") || order.starts_with("False"),
                     "its fortran_order is neither True nor False");
  header.fortran = order.starts_with("True");
  const std::vector<Index> sizes = read_shape(value_of(text, "shape"));
  require<FileError>(sizes.size() == 1 || sizes.size() == 2,
                     "its array has {} axes; a table has two; hint: array.reshape(len(array), -1)",
                     sizes.size());
  header.axes = std::ssize(sizes);
  header.rows = sizes[0];
  header.columns = sizes.size() == 2 ? sizes[1] : 1;
  require<FileError>(header.columns >= 1, "its array has no columns");
  require<FileError>(header.rows <= kMostValues / header.columns, "its shape ({}) is too large",
                     fmt::format("{}", fmt::join(sizes, ", ")));
  return header;
}

NpyReader::NpyReader(Source source) : bytes_(std::move(source)) {
  source_ = bytes_.name();
  try {
    header_ = parse_npy_header(header_text(bytes_));
  } catch (const FileError& error) {
    throw FileError(fmt::format("read: {}: {}", source_, error.what()));
  }
  // Names of columns that do not exist would fill memory: so many bytes must be there.
  constexpr Index kMostColumns = 1'000'000;
  require<FileError>(header_.columns <= kMostColumns, "read: {}: {} columns given; {} at most",
                     source_, header_.columns, kMostColumns);
  name_columns(header_.columns);
}

bool NpyReader::next(std::span<double> row) {
  if (row_ == header_.rows) {
    require<FileError>(bytes_.peek(1).empty(), "read: {}: more bytes than its {} rows need",
                       source_, header_.rows);
    return false;
  }
  const Index row_bytes = header_.columns * header_.width;
  if (row_ == piece_end_) {
    constexpr Index kPiece = 1 << 20;
    const Index left = header_.rows - row_;
    const Index count = header_.fortran ? left : std::clamp<Index>(kPiece / row_bytes, 1, left);
    piece_.clear();
    while (std::ssize(piece_) < count * row_bytes) {  // in pieces: a false shape takes no memory
      const Index before = std::ssize(piece_);
      const auto more = static_cast<std::size_t>(
          std::min(count * row_bytes - std::ssize(piece_), std::max<Index>(1 << 12, before)));
      piece_.resize(piece_.size() + more);
      require<FileError>(bytes_.read(piece_.data() + before, more) == more,
                         "read: {}: it ends before row {} of {}", source_, row_ + 1, header_.rows);
    }
    piece_begin_ = row_;
    piece_end_ = row_ + count;
  }
  const Index at = row_ - piece_begin_, columns = header_.columns;
  row_values_.resize(static_cast<std::size_t>(columns));
  for (Index c = 0; c < columns; ++c) {
    const Index k = header_.fortran ? c * header_.rows + at : at * columns + c;
    row_values_[static_cast<std::size_t>(c)] = number(piece_.data() + k * header_.width);
  }
  for (std::size_t k = 0; k < selected_.size(); ++k)
    row[k] = row_values_[static_cast<std::size_t>(selected_[k])];
  ++row_;
  return true;
}

std::string NpyReader::text() const { return fmt::format("{}", fmt::join(row_values_, ",")); }

double NpyReader::number(const char* bytes) const {
  const bool is_signed = header_.kind == 'i';
  if (header_.kind == 'f')
    return header_.width == 4 ? as_double<float>(bytes) : as_double<double>(bytes);
  switch (header_.width) {
    case 1:
      return is_signed ? as_double<std::int8_t>(bytes) : as_double<std::uint8_t>(bytes);
    case 2:
      return is_signed ? as_double<std::int16_t>(bytes) : as_double<std::uint16_t>(bytes);
    case 4:
      return is_signed ? as_double<std::int32_t>(bytes) : as_double<std::uint32_t>(bytes);
    default:
      return is_signed ? as_double<std::int64_t>(bytes) : as_double<std::uint64_t>(bytes);
  }
}

}  // namespace gradflow
