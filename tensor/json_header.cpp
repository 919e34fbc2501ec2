#include "tensor/json_header.h"

#include <fmt/format.h>

#include <set>

#include "tensor/error.h"

namespace gradflow {
namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      result += c;
  }
  return result + '"';
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      byte(0xe0 | code >> 12);
    } else {
      byte(0xf0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3f));
    }
    byte(0x80 | (code >> 6 & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Header header() {
    Header header;
    object([&](const std::string& name) {
      if (name == "__metadata__")
        object([&](const std::string& key) { header.metadata[key] = string(); });
      else
        header.entries.push_back(entry(name));
    });
    skip_space();
    if (at_ != text_.size()) fail("the end");
    return header;
  }

 private:
  [[noreturn]] void fail(const char* expected) const {
    throw FileError(
        fmt::format("its header is not as the format says: byte {}: {} expected", at_, expected));
  }

  HeaderEntry entry(const std::string& name) {
    HeaderEntry entry{name, {}, {}, 0, 0};
    int keys = 0;
    object([&](const std::string& key) {
      ++keys;
      if (key == "dtype") {
        entry.dtype = string();
      } else if (key == "shape") {
        entry.shape = numbers();
      } else if (key == "data_offsets") {
        const std::vector<std::uint64_t> offsets = numbers();
        if (offsets.size() != 2) fail("two data_offsets");
        entry.begin = offsets[0];
        entry.end = offsets[1];
      } else {
        fail("dtype, shape or data_offsets");
      }
    });
    if (keys != 3) fail("dtype, shape and data_offsets");
    return entry;
  }

  // {"key": value, ...}: calls read_value for each key, with the reader standing before the value.
  template <class F>
  void object(F read_value) {
    std::set<std::string> seen;
    expect('{', "{");
    if (accept('}')) return;
    do {
      std::string key = string();
      expect(':', ":");
      read_value(key);
      if (!seen.insert(std::move(key)).second) fail("each key only once");
    } while (accept(','));
    expect('}', ", or }");
  }

  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> result;
    expect('[', "[");
    if (accept(']')) return result;
    do result.push_back(number());
    while (accept(','));
    expect(']', ", or ]");
    return result;
  }

  std::uint64_t number() {
    constexpr std::uint64_t kLargest = std::uint64_t{1} << 62;
    skip_space();
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (value > kLargest / 10) fail("a smaller number");  // before it can overflow
      value = value * 10 + static_cast<std::uint64_t>(text_[at_] - '0');
    }
    if (at_ == begin) fail("a whole number");
    return value;
  }

  std::string string() {
    std::string result;
    expect('"', "a string");
    for (;;) {
      const char c = take();
      if (c == '"') return result;
      if (static_cast<unsigned char>(c) < 0x20) fail("no control character in a string");
      if (c == '\\')
        escape(result);
      else
        result += c;
    }
  }

  void escape(std::string& result) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char c = take();
    if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
      result += kValues[i];
      return;
    }
    if (c != 'u') fail("a known escape");
    std::uint32_t code = hex4();
    if (code >= 0xd800 && code < 0xdc00) {  // the first half of a character beyond 16 bits
      if (take() != '\\' || take() != 'u') fail("the second half of a surrogate pair");
      const std::uint32_t second = hex4();
      if (second < 0xdc00 || second > 0xdfff) fail("the second half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      fail("the first half of a surrogate pair");
    }
    append_utf8(result, code);
  }

  std::uint32_t hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = take();
      const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(c);
      if (digit == std::string_view::npos) fail("four hexadecimal digits");
      value = value * 16 + static_cast<std::uint32_t>(digit < 16 ? digit : digit - 6);
    }
    return value;
  }

  char take() {
    if (at_ == text_.size()) fail("more text");
    return text_[at_++];
  }
  void skip_space() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, const char* name) {
    if (!accept(c)) fail(name);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string format_header(const Header& header) {
  std::string text = "{";
  const auto separate = [&text](const char* separator = ",") {
    if (text.back() != '{') text += separator;
  };
  if (!header.metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : header.metadata) {
      separate();
      text += quoted(key) + ":" + quoted(value);
    }
    text += "}";
  }
  for (const HeaderEntry& entry : header.entries) {
    separate();
    text += fmt::format("{}:{{\"dtype\":{},\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        quoted(entry.name), quoted(entry.dtype), fmt::join(entry.shape, ","),
                        entry.begin, entry.end);
  }
  return text + "}";
}

Header parse_header(std::string_view text) { return Reader(text).header(); }

}  // namespace gradflow
