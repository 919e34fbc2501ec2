// Output: bytes, to standard output or into a file, which appears when it is whole. (What is there
// already and no file, such as a pipe or a device, is written to as it is.) A name that ends with
// .gz is one of a compressed file.
//
// Read next: row_writer.h, what is written; ../../run/files/file.h, how a file appears.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "experiments/run/files/file.h"

namespace gradflow {

class Deflater;

class Output {
 public:
  // "-": standard output. Throws FileError, as all that follow, if it cannot be written.
  explicit Output(const std::string& path);
  ~Output();  // without finish() no file is left
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(const std::string& bytes);
  void finish();  // all is on the disk, under its name

 private:
  void write_plain(const std::string& bytes);
  [[noreturn]] void fail() const;

  std::string name_;                           // of what is written to as it is, for messages
  std::FILE* stream_ = nullptr;                // that; or
  std::optional<NewFile> file_{};              // what is to appear
  std::unique_ptr<Deflater> compressed_;  // or null
};

// A name as it may stand in a line of fields that `delimiter` separates: in quotes if it must.
std::string csv_field(const std::string& name, char delimiter = ',');

}  // namespace gradflow
