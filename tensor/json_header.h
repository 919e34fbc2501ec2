// The JSON header of a safetensors file: writing it and reading it, strictly.
//
// Only what the format allows is accepted: one object of objects, with known keys, each once. The
// reader never recurses, never reads past the end, and says at which byte something is wrong.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/real.h"

namespace gradflow {

struct HeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin, end;  // bytes, counted from the end of the header
};

struct Header {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

std::string format_header(const Header& header);
// Throws FileError with the byte and what was expected there.
Header parse_header(std::string_view text);

}  // namespace gradflow
