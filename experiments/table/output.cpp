#include "experiments/table/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "experiments/run/files/file_error.h"

namespace gradflow {

Output::Output(std::string path)
    : path_(std::move(path)),
      temporary_(fmt::format("{}.{}.tmp", path_, ::getpid())),
      file_(to_file() ? std::fopen(temporary_.c_str(), "wbe") : stdout) {
  if (!file_) fail();
}

Output::~Output() {
  if (!to_file() || !file_) return;
  std::fclose(file_);
  ::unlink(temporary_.c_str());
}

void Output::write(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail();
}

void Output::finish() {
  if (std::fflush(file_) != 0 || (to_file() && ::fsync(::fileno(file_)) != 0)) fail();
  if (!to_file()) return;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
  std::fclose(std::exchange(file_, nullptr));
}

void Output::fail() const {
  throw FileError(
      fmt::format("write: {}: {}", to_file() ? path_ : "standard output", std::strerror(errno)));
}

}  // namespace gradflow
