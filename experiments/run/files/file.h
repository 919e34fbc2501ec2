// Files as a whole: read at once, and replaced at once.
//
// The one idea: a file is written beside its final name, under a name that no other writer has, and
// then renamed. So a half-written file never stands under the final name; whoever has the old one
// open goes on reading it; and of several writers one wins.
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

// The same for what is known at once.
void write_file(const std::filesystem::path& path, const std::string& bytes);
// Throws FileError if the file cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace gradflow
