// Files as a whole: read at once, and replaced at once.
//
// The one idea: a file is written beside its final name, under a name that no other writer has, and
// then renamed. So a half-written file never stands under the final name; whoever has the old one
// open goes on reading it; and of several writers one wins. What a killed program left under such a
// name is removed by the next one of this machine that writes to the same place.
//
// Read next: safetensors.h, what is in such a file.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

namespace gradflow {

// A file that is written piece by piece, beside `path`. Its name tells the machine, the process and
// how many that has made. All throw FileError, and leave what stood there.
class NewFile {
 public:
  explicit NewFile(const std::filesystem::path& path);
  ~NewFile();  // without finish() nothing is left
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(const std::string& bytes);
  void finish();  // forces them to the disk, then renames

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  std::string name_;  // until it has its final one
  std::FILE* file_ = nullptr;
};

// An empty directory beside `path`, its name as that of a NewFile: for files that another program
// makes, until they are renamed. Throws FileError if it cannot be made.
class DraftDirectory {
 public:
  explicit DraftDirectory(const std::filesystem::path& path);
  ~DraftDirectory();  // removes it, with all that is still in it
  DraftDirectory(const DraftDirectory&) = delete;
  DraftDirectory& operator=(const DraftDirectory&) = delete;

  // Where it is, as absolute or relative as `path`.
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// As a NewFile does it, for what is known at once.
void write_file(const std::filesystem::path& path, const std::string& bytes);
// Throws FileError if the file cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace gradflow
