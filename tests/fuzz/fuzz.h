// What the fuzz targets share: the entry point, and how they fail.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace gradflow {

// An input may be refused, by an exception that says why. What it must not do is checked by this.
inline void must(bool holds, const char* what) {
  if (holds) return;
  fmt::print(stderr, "fuzz: not so: {}\n", what);
  std::abort();
}

inline std::string text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The input cut at every zero byte: a way to hand several texts to one target.
inline std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '\0')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

}  // namespace gradflow
