#include "experiments/table/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "experiments/run/files/file_error.h"

namespace gradflow {

namespace {

// Beside what does not exist yet, or is a file.
std::string temporary_for(const std::string& path) {
  if (path == "-") return "";
  std::error_code none;  // of what cannot be looked at, opening it will say why
  const auto status = std::filesystem::status(path, none);
  const bool other = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  return other ? "" : fmt::format("{}.{}.tmp", path, ::getpid());
}

}  // namespace

Output::Output(std::string path)
    : path_(std::move(path)),
      temporary_(temporary_for(path_)),
      file_(to_stdout() ? stdout
                        : std::fopen((temporary_.empty() ? path_ : temporary_).c_str(), "wbe")) {
  if (!file_) fail();
}

Output::~Output() {
  if (to_stdout() || !file_) return;
  std::fclose(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void Output::write(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail();
}

void Output::finish() {
  if (std::fflush(file_) != 0) fail();
  if (temporary_.empty()) return;
  if (::fsync(::fileno(file_)) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
  std::fclose(std::exchange(file_, nullptr));
}

void Output::fail() const {
  throw FileError(
      fmt::format("write: {}: {}", to_stdout() ? "standard output" : path_, std::strerror(errno)));
}

}  // namespace gradflow
