// RowReader: the rows of a table, one after another, whatever the format.
//
// The one idea: what the formats have in common is small: columns with names, and rows of numbers.
// So a table that fills memory, and one that passes through a program (read, score, write, next),
// are read alike.
//
// Read next: csv.h, the largest of them; ../table.h, which gathers the rows.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/table/read/faults.h"
#include "experiments/table/read/source.h"

namespace gradflow {

class RowReader {
 public:
  virtual ~RowReader() = default;
  RowReader() = default;
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  const std::string& source() const { return source_; }             // for messages
  const std::vector<std::string>& names() const { return names_; }  // of all columns
  // Which columns next() is to give, in which order; at first all of them. The others are not
  // looked at: they may hold texts.
  void select(std::vector<Index> columns);
  const std::vector<Index>& selected() const { return selected_; }
  // Whether the names are the file's own; if not, they are x1, x2, ...
  bool has_names() const { return has_names_; }
  // A column of words: next() gives the place of each among these, NaN for others. Without
  // words they are those that are met, up to kMostWords, if the first one is no number.
  void take_words(Index column, std::vector<std::string> words = {});
  // Those of a column, as far as they were met; empty for a column of numbers.
  std::vector<std::string> words(Index column) const;
  static constexpr std::size_t kMostWords = 50;

  // The next row, one number for each selected column: NaN where it is missing, or is none. False
  // at the end.
  virtual bool next(std::span<double> row) = 0;
  // Notes what is no number in that row, naming row and column. For each column: whether it is.
  virtual std::vector<bool> note_strangers(Faults&) const {
    return std::vector<bool>(names_.size(), false);
  }
  Index row() const { return row_; }  // the number of rows that next() has given
  // Where that row is, for messages: "row 16 (line 17)".
  virtual std::string place() const;
  // That row as it stands in its file, all columns, or as it would stand in a CSV file; and what
  // separates its fields.
  virtual std::string text() const = 0;
  virtual char delimiter() const { return ','; }

 protected:
  std::string source_ = {};
  std::vector<std::string> names_ = {};
  std::vector<Index> selected_ = {};
  Index row_ = 0;
  bool has_names_ = true;
  struct Words {
    std::vector<std::string> known = {};
    bool closed = false;  // there are no others
  };
  std::map<Index, Words> words_ = {};  // by column

  void name_columns(Index count);  // where a format has no names
  virtual bool holds_words() const { return false; }
  virtual void on_select() {}
};

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// A reader for whatever the bytes are: CSV or TSV, .npy, .npz, safetensors, or one of these within
// gzip. `array` names one of an archive of several. Throws FileError for anything else, and says
// how to convert what is well known.
std::unique_ptr<RowReader> read_rows(Source source, const std::string& array = {});

}  // namespace gradflow
