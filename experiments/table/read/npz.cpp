#include "experiments/table/read/npz.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "experiments/table/read/column_rows.h"
#include "experiments/table/read/npy.h"

namespace gradflow {
namespace {

constexpr std::uint64_t kMoved16 = 0xffff, kMoved32 = 0xffffffff;  // "look in the larger field"
constexpr std::string_view kEnd = "PK\x05\x06", kLocator = "PK\x06\x07", kLargeEnd = "PK\x06\x06",
                           kEntry = "PK\x01\x02", kMember = "PK\x03\x04";

// Numbers and texts at places of the archive; what lies outside throws.
class Bytes {
 public:
  Bytes(std::string name, std::string bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  std::string_view text(std::uint64_t at, std::uint64_t size) const {
    check(at <= bytes_.size() && size <= bytes_.size() - at, "it is cut short, or damaged");
    return std::string_view(bytes_).substr(at, size);
  }
  std::uint64_t number(std::uint64_t at, std::size_t width) const {
    std::uint64_t value = 0;
    std::memcpy(&value, text(at, width).data(), width);
    return value;
  }
  bool is(std::string_view magic, std::uint64_t at) const {
    return text(at, magic.size()) == magic;
  }
  std::string_view all() const { return bytes_; }
  const std::string& name() const { return name_; }
  void check(bool holds, std::string_view otherwise) const {
    require<FileError>(holds, "read: {}: {}", name_, otherwise);
  }

 private:
  std::string name_, bytes_;
};

struct Member {  // as the directory says
  std::uint64_t method = 0, checksum = 0, packed = 0, size = 0, place = 0;
  bool secret = false;
};

// Where the directory begins, and how many members it has.
std::pair<std::uint64_t, std::uint64_t> find_directory(const Bytes& bytes) {
  const std::size_t end = bytes.all().rfind(kEnd);
  bytes.check(end != std::string_view::npos, "its directory is missing: cut short?");
  std::uint64_t count = bytes.number(end + 10, 2), place = bytes.number(end + 16, 4);
  if (count != kMoved16 && place != kMoved32) return {place, count};
  constexpr std::uint64_t kLocatorSize = 20;
  bytes.check(end >= kLocatorSize && bytes.is(kLocator, end - kLocatorSize), "its end is damaged");
  const std::uint64_t large = bytes.number(end - kLocatorSize + 8, 8);
  bytes.check(bytes.is(kLargeEnd, large), "its end is damaged");
  return {bytes.number(large + 48, 8), bytes.number(large + 32, 8)};
}

// Sizes that do not fit into 32 bits stand in an extra field, in this order, those that moved
// alone.
void read_large_sizes(const Bytes& bytes, std::uint64_t at, std::uint64_t end, Member& member) {
  constexpr std::uint64_t kLargeSizes = 1;
  while (at + 4 <= end) {
    const std::uint64_t kind = bytes.number(at, 2), size = bytes.number(at + 2, 2);
    at += 4;
    if (kind == kLargeSizes) {
      std::uint64_t field = at;
      for (std::uint64_t* value : {&member.size, &member.packed, &member.place}) {
        if (*value != kMoved32) continue;
        bytes.check(field + 8 <= at + size, "the sizes of a member are damaged");
        *value = bytes.number(field, 8);
        field += 8;
      }
    }
    at += size;
  }
}

using Members = std::vector<std::pair<std::string, Member>>;  // by name, in their order

Members read_directory(const Bytes& bytes) {
  auto [at, count] = find_directory(bytes);
  Members members;
  std::set<std::string_view> names;
  for (; count > 0; --count) {
    bytes.check(bytes.is(kEntry, at), "its directory is damaged");
    Member member{.method = bytes.number(at + 10, 2),
                  .checksum = bytes.number(at + 16, 4),
                  .packed = bytes.number(at + 20, 4),
                  .size = bytes.number(at + 24, 4),
                  .place = bytes.number(at + 42, 4),
                  .secret = (bytes.number(at + 8, 2) & 1) != 0};
    const std::uint64_t name = bytes.number(at + 28, 2), extra = bytes.number(at + 30, 2),
                        comment = bytes.number(at + 32, 2), begin = at + 46;
    read_large_sizes(bytes, begin + name, begin + name + extra, member);
    bytes.check(names.insert(bytes.text(begin, name)).second, "two of its members have one name");
    members.emplace_back(bytes.text(begin, name), member);
    at = begin + name + extra + comment;
  }
  return members;
}

// The arrays among the members, by their names without ".npy".
Members arrays_in(const Bytes& bytes) {
  constexpr std::string_view kSuffix = ".npy";
  Members arrays;
  for (const auto& [name, member] : read_directory(bytes))
    if (name.ends_with(kSuffix))
      arrays.emplace_back(name.substr(0, name.size() - kSuffix.size()), member);
  bytes.check(!arrays.empty(),
              "it is a zip file without an array; hint: a spreadsheet must be saved as CSV");
  return arrays;
}

// The same bytes; at their end their number and checksum must be those that were promised.
Source checked(Source source, std::uint64_t size, std::uint64_t checksum) {
  const std::string name = source.name();
  const auto inner = std::make_shared<Source>(std::move(source));
  return {name, [=, sum = std::uint64_t{0}, seen = std::uint64_t{0}](char* to,
                                                                     std::size_t wanted) mutable {
            constexpr std::size_t kMost = 1 << 30;  // zlib counts in 32 bits
            const std::size_t count = inner->read(to, std::min(wanted, kMost));
            sum = crc32(sum, reinterpret_cast<const Bytef*>(to), static_cast<uInt>(count));
            seen += count;
            require<FileError>(seen <= size && (count > 0 || (seen == size && sum == checksum)),
                               "read: {}: its member is damaged: not the bytes that were packed",
                               inner->name());
            return count;
          }};
}

// The bytes of a member, unpacked. The archive lives as long as they are read.
Source bytes_of(const std::shared_ptr<const Bytes>& bytes, const Member& member) {
  const std::string& name = bytes->name();
  bytes->check(!member.secret, "it is encrypted");
  bytes->check(bytes->is(kMember, member.place), "a member does not begin where it should");
  const std::uint64_t begin =
      member.place + 30 + bytes->number(member.place + 26, 2) + bytes->number(member.place + 28, 2);
  const std::string_view packed = bytes->text(begin, member.packed);
  const Source stored(name, [bytes, packed = packed](char* to, std::size_t size) mutable {
    const std::size_t count = std::min(size, packed.size());
    std::copy_n(packed.data(), count, to);
    packed.remove_prefix(count);
    return count;
  });
  constexpr std::uint64_t kStored = 0, kDeflated = 8;
  require<FileError>(member.method == kStored || member.method == kDeflated,
                     "read: {}: it is packed by method {}; hint: numpy.savez or savez_compressed",
                     name, member.method);
  return checked(member.method == kStored ? stored : inflated(stored, Compression::deflate),
                 member.size, member.checksum);
}

// What each of several arrays is as a column; nothing if they are none: of other axes or lengths.
std::vector<std::unique_ptr<RowReader>> as_columns(const std::shared_ptr<const Bytes>& bytes,
                                                   const Members& members) {
  std::vector<std::unique_ptr<RowReader>> columns;
  Index rows = 0;
  for (const auto& [name, member] : members) {
    auto column = std::make_unique<NpyReader>(bytes_of(bytes, member));
    if (columns.empty()) rows = column->header().rows;
    if (column->header().axes != 1 || column->header().rows != rows) return {};
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace

std::unique_ptr<RowReader> npz_rows(Source archive, const std::string& array) {
  const std::string source = archive.name();
  const auto bytes = std::make_shared<const Bytes>(source, archive.rest());
  const Members members = arrays_in(*bytes);
  std::vector<std::string> names;
  for (const auto& [name, member] : members) {
    if (name == array || (array.empty() && members.size() == 1))
      return std::make_unique<NpyReader>(bytes_of(bytes, member));
    names.push_back(name);
  }
  if (array.empty())
    if (auto columns = as_columns(bytes, members); !columns.empty())
      return std::make_unique<ColumnRows>(source, std::move(names), std::move(columns));
  throw FileError(fmt::format("read: {}: {}; it has: {}; hint: --array NAME", source,
                              array.empty() ? std::string("it has several arrays")
                                            : fmt::format("it has no array \"{}\"", array),
                              fmt::join(names, ", ")));
}

}  // namespace gradflow
