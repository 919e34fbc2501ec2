#include "experiments/run/files/file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "experiments/run/files/file_error.h"

namespace gradflow {
namespace {

std::string system_message() { return std::strerror(errno); }

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "host";
}

// How the names of files begin that this machine makes beside `path`.
std::string prefix(const std::filesystem::path& path) {
  return fmt::format("{}.{}.", path.string(), host_name());
}

// Removes what processes of this machine left that were killed while they wrote to `path`.
void remove_abandoned(const std::filesystem::path& path) {
  const std::string start = std::filesystem::path(prefix(path)).filename().string();
  std::error_code ignored;
  std::filesystem::directory_iterator at(path.has_parent_path() ? path.parent_path() : ".",
                                         ignored);
  for (; at != std::filesystem::directory_iterator(); at.increment(ignored)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(start) || !name.ends_with(".tmp")) continue;
    const int writer = std::atoi(name.c_str() + start.size());
    if (writer > 0 && ::kill(writer, 0) != 0 && errno == ESRCH)
      std::filesystem::remove_all(at->path(), ignored);
  }
}

// A name beside `path` that no other writer has.
std::string draft_name(const std::filesystem::path& path) {
  static std::atomic<int> made = 0;
  return fmt::format("{}{}.{}.tmp", prefix(path), ::getpid(), ++made);
}

}  // namespace

NewFile::NewFile(const std::filesystem::path& path) : path_(path) {
  remove_abandoned(path);
  do {
    name_ = draft_name(path);
    file_ = std::fopen(name_.c_str(), "wbxe");
  } while (!file_ && errno == EEXIST);
  if (!file_) fail("create the file");  // a constructor that throws leaves nothing to destroy
}

NewFile::~NewFile() {
  if (file_) std::fclose(file_);
  if (!name_.empty()) ::unlink(name_.c_str());
}

void NewFile::write(const std::string& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail("write all of it");
}

void NewFile::finish() {
  const bool written = std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
  if (std::fclose(std::exchange(file_, nullptr)) != 0 || !written) fail("write all of it");
  if (::rename(name_.c_str(), path_.c_str()) != 0) fail("rename the finished file");
  name_.clear();
}

void NewFile::fail(const char* what) const {
  throw FileError(fmt::format("save: {}: cannot {}: {}", path_.string(), what, system_message()));
}

DraftDirectory::DraftDirectory(const std::filesystem::path& path) {
  remove_abandoned(path);
  int failed = 0;
  do {
    path_ = draft_name(path);
    failed = ::mkdir(path_.c_str(), 0777);
  } while (failed && errno == EEXIST);
  require<FileError>(!failed, "save: {}: cannot create a directory beside it: {}", path.string(),
                     system_message());
}

DraftDirectory::~DraftDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  NewFile file(path);
  file.write(bytes);
  file.finish();
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  require<FileError>(std::filesystem::is_regular_file(path, ignored), "load: {}: {}", path.string(),
                     std::filesystem::exists(path, ignored) ? "not a file" : "not there");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (std::filesystem::file_size(path, ignored) > 0) bytes << file.rdbuf();
  require<FileError>(file && bytes, "load: {}: cannot be read: {}", path.string(),
                     system_message());
  return std::move(bytes).str();
}

}  // namespace gradflow
