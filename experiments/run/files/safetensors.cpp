#include "experiments/run/files/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "experiments/run/files/dtype.h"
#include "experiments/run/files/file.h"
#include "nn/hash.h"

namespace gradflow {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the reference implementation's limit
constexpr std::uint64_t kLargestNumber = std::uint64_t{1} << 62;
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kHash = "gradflow_hash";

// JSON as the format wants it: each key once, nothing nested deeper than a tensor's numbers, and
// none of the liberties that the JSON library takes with byte order marks and zeros. What is no
// JSON at all, and in the functions below what is of the wrong type, throws Json::exception.
Json parse_header(std::string_view text) {
  constexpr std::size_t kDepth = 3;
  std::array<std::set<std::string>, kDepth + 2> keys;  // at each depth, of the object being read
  const auto check = [&](int at, Json::parse_event_t event, const Json& parsed) {
    const auto depth = static_cast<std::size_t>(at);
    require<FileError>(depth <= kDepth, "its header is nested more than {} deep", kDepth);
    if (event == Json::parse_event_t::object_start) keys[depth + 1].clear();
    if (event == Json::parse_event_t::key)
      require<FileError>(keys[depth].insert(parsed).second,
                         "key \"{}\" is in its header more than once",
                         parsed.get_ref<const std::string&>());
    return true;
  };
  require<FileError>(text.find('\0') == text.npos && !text.starts_with("\xef\xbb\xbf"),
                     "its header is not plain JSON text");
  Json header = Json::parse(text, check);
  require<FileError>(header.is_object(), "its header is not a JSON object");
  return header;
}

struct Entry {       // what the header says of a tensor
  Index begin, end;  // bytes, counted from the end of the header
  std::string name, dtype;
  std::vector<Index> shape;
  // In the order of the bytes. (Not <=>: an older libc++ has none of strings and vectors.)
  bool operator<(const Entry& other) const {
    return std::tie(begin, end, name, dtype, shape) <
           std::tie(other.begin, other.end, other.name, other.dtype, other.shape);
  }
};

std::vector<Index> read_numbers(const std::string& name, const Json& numbers) {
  for (const Json& number : numbers)
    require<FileError>(number.is_number_unsigned() && number.get<std::uint64_t>() <= kLargestNumber,
                       "the numbers of tensor \"{}\" must be whole, from 0 to 2^62", name);
  return numbers;
}

Entry read_entry(const std::string& name, const Json& entry) {
  const std::vector<Index> offsets = read_numbers(name, entry.at("data_offsets"));
  require<FileError>(offsets.size() == 2 && entry.size() == 3,
                     "tensor \"{}\" must have a dtype, a shape and two data_offsets, nothing else",
                     name);
  return {offsets[0], offsets[1], name, entry.at("dtype"), read_numbers(name, entry.at("shape"))};
}

// True if a tensor of these sizes has exactly that many bytes. Counted in double, which is exact up
// to 2^53, more than any file holds, and cannot overflow. Nor must Shape::size(), even if a size is
// 0 and the product of the others does not fit in an Index.
bool fits(const std::vector<Index>& sizes, Index width, Index bytes) {
  double count = 1, product = 1;
  for (const Index size : sizes) {
    count *= static_cast<double>(size);
    product *= static_cast<double>(std::max<Index>(size, 1));
  }
  return count * static_cast<double>(width) == static_cast<double>(bytes) &&
         product <= static_cast<double>(kLargestNumber);
}

// Puts a tensor into `contents`, or the reason why it cannot be had. Throws FileError for what
// shows that the file is damaged.
void read_tensor(const Entry& entry, std::string_view data, TensorFile& contents) {
  const auto& [begin, end, name, dtype, sizes] = entry;
  require<FileError>(begin <= end && end <= std::ssize(data),
                     "tensor \"{}\" lies at bytes {} to {}; the file holds {}", name, begin, end,
                     data.size());
  const Dtype* const known = find_dtype(dtype);
  require<FileError>(!known || fits(sizes, known->width, end - begin),
                     "tensor \"{}\" has {} bytes, which do not fit its shape", name, end - begin);
  try {
    require<FileError>(known != nullptr, "its dtype {} is not supported", dtype);
    require<FileError>(sizes.size() <= Shape::kMaxRank, "it has {} axes; at most {} are supported",
                       sizes.size(), Shape::kMaxRank);
    contents.tensors.emplace(name, known->read(Shape(sizes), data.data() + begin));
  } catch (const FileError& error) {
    contents.unreadable.emplace(name, error.what());
  }
}

struct Stored {  // a tensor as it stands in a file
  std::string dtype;
  std::vector<Index> shape;
  std::string_view bytes;
};

// Of all that a file says, but for the hash itself; whatever the order in which it says it.
std::string hash_of(const std::map<std::string, std::string>& texts,
                    const std::map<std::string, Stored>& tensors) {
  Fnv1a hash;
  const auto add = [&](const std::string& text) { hash.add(text.c_str(), text.size() + 1); };
  for (const auto& [key, text] : texts) add(key), add(text);
  for (const auto& [name, x] : tensors) {
    add(name);
    add(fmt::format("{} {}", x.dtype, fmt::join(x.shape, ",")));
    hash.add(x.bytes.data(), x.bytes.size());
  }
  return hash.digits();
}

TensorFile decode(std::string_view bytes) {
  std::uint64_t header_size = 0;
  require<FileError>(bytes.size() >= sizeof(header_size), "{} bytes; at least {} are required",
                     bytes.size(), sizeof(header_size));
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  const std::string_view rest = bytes.substr(sizeof(header_size));
  require<FileError>(header_size <= kLongestHeader && header_size <= rest.size(),
                     "a header of {} bytes announced in a file of {}; not a safetensors file, or "
                     "cut short",
                     header_size, bytes.size());
  const auto begin = static_cast<std::size_t>(header_size);  // of the tensors' bytes
  const Json header = parse_header(rest.substr(0, begin));
  const std::string_view data = rest.substr(begin);
  TensorFile contents;
  std::set<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata)
      contents.metadata = value;
    else
      entries.insert(read_entry(name, value));
  }
  // Tensors must lie one after another: overlaps and gaps would hide something.
  Index end = 0;
  std::map<std::string, Stored> stored;
  for (const Entry& entry : entries) {
    read_tensor(entry, data, contents);
    require<FileError>(entry.begin == end,
                       "tensor \"{}\" begins at byte {}, the one before ends at {}", entry.name,
                       entry.begin, end);
    end = entry.end;
    const auto begins = static_cast<std::size_t>(entry.begin);
    stored[entry.name] = {entry.dtype, entry.shape,
                          data.substr(begins, static_cast<std::size_t>(end) - begins)};
  }
  require<FileError>(end == std::ssize(data), "its tensors end at byte {} of {}", end, data.size());
  const auto saved = contents.metadata.extract(kHash);
  require<FileError>(saved.empty() || saved.mapped() == hash_of(contents.metadata, stored),
                     "its numbers or texts are not those that were saved: their hash is another; "
                     "hint: take another copy, or make it anew");
  return contents;
}

}  // namespace

const NamedTensors& TensorFile::all() const {
  std::string reasons;
  for (const auto& [name, reason] : unreadable)
    reasons += fmt::format("; tensor \"{}\": {}", name, reason);
  require<FileError>(unreadable.empty(), "{} of its tensors cannot be read{}", unreadable.size(),
                     reasons);
  return tensors;
}

const Tensor& TensorFile::at(const std::string& name) const {
  const auto reason = unreadable.find(name);
  require<FileError>(reason == unreadable.end(), "tensor \"{}\": {}", name,
                     reason == unreadable.end() ? std::string() : reason->second);
  const auto found = tensors.find(name);
  require<FileError>(found != tensors.end(), "it has no tensor \"{}\"", name);
  return found->second;
}

std::string encode_tensors(const TensorFile& contents) {
  std::map<std::string, Stored> stored;
  for (const auto& [name, x] : contents.tensors)
    stored[name] = {kOwnDtype,
                    {x.shape().begin(), x.shape().end()},
                    {reinterpret_cast<const char*>(x.data()), x.values().size_bytes()}};
  auto texts = contents.metadata;
  texts.erase(kHash);
  texts[kHash] = hash_of(texts, stored);
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  header[kMetadata] = texts;
  std::size_t end = 0;
  for (const auto& [name, x] : stored) {
    require<FileError>(name != kMetadata, "save: a tensor must not be named {}", kMetadata);
    const std::size_t begin = std::exchange(end, end + x.bytes.size());
    header[name] = {{"dtype", x.dtype}, {"shape", x.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw FileError("save: a name or a text in the metadata is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the numbers begin at a multiple of 8
  const std::uint64_t header_size = text.size();
  require<FileError>(header_size <= kLongestHeader,
                     "save: the names and texts take {} bytes; at most {} are possible",
                     header_size, kLongestHeader);
  std::string bytes(reinterpret_cast<const char*>(&header_size), sizeof(header_size));
  bytes += text;
  for (const auto& [name, x] : stored) bytes += x.bytes;
  return bytes;
}

TensorFile decode_tensors(const std::string& bytes, const std::string& name) {
  try {
    return decode(bytes);
  } catch (const FileError& error) {
    throw FileError(fmt::format("load: {}: {}", name, error.what()));
  } catch (const Json::exception& error) {
    std::string_view what = error.what();  // "[json.exception.type_error.302] type must be ..."
    what.remove_prefix(what.find(' ') + 1);
    throw FileError(
        fmt::format("load: {}: its header is not as the format says: {:.160}", name, what));
  }
}

void save_tensors(const std::filesystem::path& path, const TensorFile& contents) {
  write_file(path, encode_tensors(contents));
}

TensorFile load_tensors(const std::filesystem::path& path) {
  return decode_tensors(read_file(path), path.string());
}

}  // namespace gradflow
