// NpyReader: an array that numpy has saved: numpy.save("table.npy", array).
//
// The format: the magic bytes, a version (1.0, 2.0, 3.0), the length of a header (2 bytes, from 2.0
// on 4), the header
//   {'descr': '<f8', 'fortran_order': False, 'shape': (1000, 3), }
// and the numbers. Read are floating-point numbers of 4 and 8 bytes, whole ones of 1, 2, 4 and 8
// and truth values, little-endian, of an array with two axes, or one, which is a column.
//   https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
//
// Rows pass through one after another. Of an array in Fortran order, column after column, all bytes
// have to be read first.
#pragma once

#include "experiments/table/read/row_reader.h"

namespace gradflow {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

struct NpyHeader {  // what it says, checked
  char kind = 'f';  // f, i, u or b
  Index width = 8;  // bytes of a number
  bool fortran = false;
  Index axes = 2, rows = 0, columns = 0;
};
// From its text. Throws FileError, without the name of the file.
NpyHeader parse_npy_header(std::string_view text);

class NpyReader final : public RowReader {
 public:
  // Throws FileError for a header that is not as above, and for bytes that are not as many as it
  // says (that, and what ends too early, when they are reached).
  explicit NpyReader(Source source);

  const NpyHeader& header() const { return header_; }
  bool next(std::span<double> row) override;
  std::string text() const override;

 private:
  double number(const char* bytes) const;

  Source bytes_;
  NpyHeader header_;
  std::string piece_ = {};                 // some rows, or all of an array in Fortran order
  Index piece_begin_ = 0, piece_end_ = 0;  // which rows
  std::vector<double> row_values_ = {};
};

}  // namespace gradflow
