// Fnv1a: 64 bits that change if a byte of what they are of changes. They find damage, not deceit.
// http://www.isthe.com/chongo/tech/comp/fnv/
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace gradflow {

// The hash of all bytes that were added, one after another.
class Fnv1a {
 public:
  // Adds bytes behind those before.
  void add(const void* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      hash_ = (hash_ ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  }
  // Adds those of a text.
  void add(const std::string& text) { add(text.data(), text.size()); }
  // It, as 16 hexadecimal digits.
  std::string digits() const { return fmt::format("{:016x}", hash_); }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace gradflow
