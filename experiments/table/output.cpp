#include "experiments/table/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "experiments/run/files/file_error.h"

namespace gradflow {
namespace {

// A pipe or a device: what is there and no file.
bool is_stream(const std::string& path) {
  std::error_code none;  // of what cannot be looked at, opening it will say why
  const auto status = std::filesystem::status(path, none);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

}  // namespace

Output::Output(const std::string& path) : name_(path == "-" ? "standard output" : path) {
  if (path == "-") {
    stream_ = stdout;
  } else if (is_stream(path)) {
    stream_ = std::fopen(path.c_str(), "wbe");
    if (!stream_) fail();
  } else {
    file_.emplace(path);
  }
}

Output::~Output() {
  if (stream_ && stream_ != stdout) std::fclose(stream_);
}

void Output::write(const std::string& text) {
  if (file_)
    file_->write(text);
  else if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size())
    fail();
}

void Output::finish() {
  if (file_)
    file_->finish();
  else if (std::fflush(stream_) != 0)
    fail();
}

void Output::fail() const {
  throw FileError(fmt::format("write: {}: {}", name_, std::strerror(errno)));
}

std::string csv_field(const std::string& name, char delimiter) {
  if (name.find_first_of("\",;\t\n ") == name.npos && name.find(delimiter) == name.npos)
    return name;
  std::string doubled;
  for (const char c : name) doubled += c == '"' ? "\"\"" : std::string(1, c);
  return '"' + doubled + '"';
}

}  // namespace gradflow
