// CsvReader: tables as text: CSV, TSV, columns apart by blanks.
//
// The one idea: the first line tells all. What separates its fields separates those of all lines
// (a tab, else a semicolon, else a comma, else blanks), and if one of them is no number, they are
// names. Lines that begin with # and stand first are comments, but the last of them
// is the line of names if it has as many.
//
// Quotes hide delimiters and line ends, "" within them is one of them. Missing is an empty field,
// NA, N/A, nan, null, none, ? or -, in small or capital letters. Empty lines are skipped.
//   Shafranovich, "Common format and MIME type for CSV files" (RFC 4180, 2005).
#pragma once

#include <optional>
#include <string_view>

#include "experiments/table/read/row_reader.h"

namespace gradflow {

class CsvReader final : public RowReader {
 public:
  // Throws FileError if there is no line, and if a line is longer than any of numbers would be.
  explicit CsvReader(Source source);

  bool next(std::span<double> row) override;
  std::vector<bool> note_strangers(Faults& faults) const override;
  std::string place() const override;
  std::string text() const override { return std::string(record_); }
  char delimiter() const override { return delimiter_; }

 private:
  void on_select() override;
  bool holds_words() const override { return true; }
  bool next_record();  // the next line that is not empty, into record_
  bool find_record();  // any line
  bool fill();         // more bytes behind those in the buffer; false at the end
  double number(std::string_view field, Index column);
  double word(std::string_view field, Index column, Words& words);
  bool is_selected(Index column) const { return places_[static_cast<std::size_t>(column)] >= 0; }
  bool is_stranger(std::string_view field, Index column) const;
  void note_stranger(std::string_view field, Index column, Faults& faults) const;
  // "row 3 (line 4), column "a": "b"", for messages.
  std::string about(std::string_view field, Index column) const;

  Source bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the buffer and not yet read
  std::string_view record_ = {};     // in the buffer
  Index line_ = 0, next_line_ = 1;   // of its first line; of the one behind it
  char delimiter_ = ',';
  bool pending_ = false;            // the first record is a row, not names
  Index fields_ = 0;                // of the last row
  std::vector<Index> places_ = {};  // where a field goes in a row; -1: nowhere
};

// The number that a field is: NaN where it is missing. Nothing if it is no number.
std::optional<double> number_of(std::string_view field);
// The fields of a line that commas separate, without their quotes: a,"b, of c" -> {a, b, of c}.
std::vector<std::string> csv_fields(std::string_view line);

}  // namespace gradflow
