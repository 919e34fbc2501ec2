// CsvReader: tables as text: CSV, TSV, columns apart by blanks.
//
// The one idea: the first line tells all. What separates its fields separates those of all lines
// (a tab, else a semicolon, else a comma, else blanks), and if one of them is no number, they are
// names. A line that begins with # and stands first is such a line, too.
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
  // Throws FileError if there is no line, if a line is longer than any of numbers would be, and if
  // a name stands twice.
  explicit CsvReader(Source source);

  bool next(std::span<double> row) override;
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
  std::vector<std::string> columns_without_number() const;
  // "row 3 (line 4), column "a": "b"", for messages.
  std::string about(std::string_view field, Index column) const;

  Source bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the buffer and not yet read
  std::string_view record_ = {};     // in the buffer
  Index line_ = 0, next_line_ = 1;   // of its first line; of the one behind it
  char delimiter_ = ',';
  bool pending_ = false;            // the first record is a row, not names
  std::vector<Index> places_ = {};  // where a field goes in a row; -1: nowhere
};

// The number that a field is: NaN where it is missing. Nothing if it is no number.
std::optional<double> number_of(std::string_view field);

}  // namespace gradflow
