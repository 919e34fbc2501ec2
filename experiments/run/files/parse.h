// parse: a number from the text of a file.
#pragma once

#include <charconv>
#include <string>

#include "experiments/run/files/file_error.h"

namespace gradflow {

// All of `text` must be a number, or FileError is thrown. Unlike stod, this takes denormal numbers;
// unlike >>, nan and inf.
template <class Number>
Number parse(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  require<FileError>(stop == end && error == std::errc{}, "a number in it cannot be read: \"{}\"",
                     text);
  return value;
}

}  // namespace gradflow
