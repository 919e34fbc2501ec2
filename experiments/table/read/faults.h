// Faults: all that stands against a table, said at once.
//
// The one idea: who has a column of dates, missing numbers and a constant column mends them in one
// go. So whoever reads a table goes on when a fault is met; one that many rows have is kept once
// for a column, with its first row and how many there are; and what is said has a line for each.
//
// Read next: ../table.h, which adds to them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/run/files/file_error.h"
#include "tensor/real.h"

namespace gradflow {

class Faults {
 public:
  enum class Kind { missing, no_number, no_word, fields };  // of those that rows have

  // `about` begins what is said: "read: measured.csv". Not all columns may be left out: a model
  // needs those that it has.
  explicit Faults(std::string about, bool columns_may_go = true)
      : about_(std::move(about)), columns_may_go_(columns_may_go) {}

  // What is wrong; `hint`, if something helps; and the column without which it would not be so.
  void add(std::string what, std::string hint = "", std::string column = "");
  // Whether this kind of fault has been met in this column before: it is counted, and done with.
  bool again(Kind kind, Index column);
  // If not: how it is told. `place` of a column is -1 where a row is wrong as a whole.
  void add(Kind kind, Index place, const std::string& column, std::string what,
           std::string hint = "");
  // How many rows there were: what is missing in most of them is no matter of a few rows.
  void count_rows(Index rows) { rows_ = rows; }

  bool empty() const { return all_.empty(); }
  bool columns_may_go() const { return columns_may_go_; }
  void refuse() const;  // throws FileError, a line for each; unless there are none

 private:
  struct Fault {
    std::string what, hint, column;
    bool may_drop = false;  // its rows are all that is wrong
    Index count = 1;
  };
  bool drops(const Fault& fault) const;  // whether its rows should go, not the column
  std::string hint_of(const Fault& fault) const;
  std::string line_of(const Fault& fault) const;
  std::string options() const;

  std::string about_;
  bool columns_may_go_;
  Index rows_ = 0;
  std::vector<Fault> all_ = {};
  std::map<std::pair<Kind, Index>, std::size_t> places_ = {};  // in all_
};

// Names as an option such as --except takes them, for a shell: a,'"b, of c"'.
std::string as_argument(const std::vector<std::string>& names);
// What those of these columns are told who do not want them: "--except a,b leaves them out".
std::string leaving_out(const std::vector<std::string>& names);

}  // namespace gradflow
