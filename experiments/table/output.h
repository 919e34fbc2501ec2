// Output: lines of text, to standard output or into a file, which appears when it is whole. (What
// is there already and no file, such as a pipe or a device, is written to as it is.)
//
// Read next: ../run/files/file.h, the same for what fits in memory.
#pragma once

#include <cstdio>
#include <string>

namespace gradflow {

class Output {
 public:
  // "-": standard output. Throws FileError, as all that follow, if it cannot be written.
  explicit Output(std::string path);
  ~Output();  // without finish() no file is left
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(const std::string& text);
  void finish();  // all is on the disk, under its name

 private:
  [[noreturn]] void fail() const;
  bool to_stdout() const { return path_ == "-"; }

  std::string path_, temporary_;  // the second is empty if nothing is to appear
  std::FILE* file_;
};

}  // namespace gradflow
