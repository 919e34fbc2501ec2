// RowWriter: rows of numbers, into a file of the format that the end of its name asks for:
//
//   .npy                    one array (rows, columns), without names
//   .npz, .safetensors      an array for each column, under its name
//   .tsv, anything else     text, tabs or commas between the fields; "-" is standard output
//
// each compressed if .gz stands behind. The one idea: text goes out row by row; arrays say first
// how many rows there are, and are gathered until the end.
//
// Read next: output.h, where the bytes go; ../read/row_reader.h, which reads all of these.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

struct OutColumn {
  std::string name = {};
  std::vector<std::string> words = {};  // of which its numbers are the places; none: numbers
};

class RowWriter {
 public:
  virtual ~RowWriter() = default;
  RowWriter() = default;
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  virtual void write(std::span<const real> row) = 0;  // one number for each column
  virtual void finish() = 0;                          // the file is there, whole
};

// Throws FileError, as all it does, if the file cannot be written; for words that were to go into
// an array.
std::unique_ptr<RowWriter> write_rows(const std::string& path, std::vector<OutColumn> columns);
bool names_arrays(const std::string& path);  // whether such a name asks for arrays

}  // namespace gradflow
