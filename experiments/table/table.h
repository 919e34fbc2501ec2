// Table: the columns of a file that a model is to learn, as one tensor.
//
// The one idea: a large table is in memory once. Rows are gathered in pieces as they are read,
// shuffled in place, and the parts into which they are split are views.
//
//   Table table = read_table("measured.csv", {.columns = {"x", "y"}});
//   check_table(table);
//   const Split parts = split(std::move(table), {.seed = 1});
//
// Read next: read/row_reader.h, what can be read; fit.h, what is done with it.
#pragma once

#include <map>
#include <optional>

#include "experiments/table/read/row_reader.h"
#include "tensor/tensor.h"

namespace gradflow {

struct Table {
  std::vector<std::string> names = {};  // of its columns
  Tensor values = {};                   // (rows, columns)
  Index dropped = 0;                    // rows that were left out, since something was missing
  // Of columns of words, by name: the words, of which the values are the places.
  std::map<std::string, std::vector<std::string>> words = {};

  Index rows() const { return values.rows(); }
  Index columns() const { return std::ssize(names); }
};

enum class Missing { refuse, drop };  // what becomes of rows in which a number is missing

struct ReadOptions {
  std::vector<std::string> columns = {};  // in this order; empty: all
  bool by_place = false;                  // take `columns` so if there are no names; see below
  std::vector<std::string> except = {};   // of all, but for these
  std::vector<std::string> last = {};     // behind the others, whichever these are
  Missing missing = Missing::refuse;
  std::string array = {};  // of an archive with several: its name
  // Columns that may hold words, and which (none: those that are found); see RowReader.
  std::map<std::string, std::vector<std::string>> words = {};
};

// From a file, "-" or an open source. Throws FileError, all at once, naming rows and columns, for
// what is no number, missing or not finite (unless such rows are dropped) and for numbers that
// `real` does not hold; for columns that are not there, named twice or asked for twice; and as the
// readers do.
Table read_table(const std::string& path, const ReadOptions& options = {});
Table read_table(Source source, const ReadOptions& options = {});
// The same, but for faults, which are noted: more may be found in what was read. What is none of
// its numbers is NaN.
Table read_table(Source source, const ReadOptions& options, Faults& faults);

// Selects the columns of these names, and lets those hold words that are among `options.words`.
// Where `options.by_place` allows it and the file has no names, or these are none (x1, x2, ...), as
// many columns are taken in their order. Names that cannot be had are noted, and taken off the
// list.
void select_columns(RowReader& rows, std::vector<std::string>& names, const ReadOptions& options,
                    Faults& faults);

// The next row, or the next without anything missing, as `missing` says: the others are counted.
// What is none of its numbers is noted and NaN. False at the end.
bool next_row(RowReader& rows, std::span<double> row, Missing missing, Index& dropped,
              Faults& faults);

// What a column looks like.
struct ColumnStatistics {
  double mean = 0, deviation = 0;  // with N under the root
  double low = 0, high = 0;
};
std::vector<ColumnStatistics> statistics_of(const Tensor& values);  // (N, D), at least one row

// Throws FileError, or notes, naming the column, for one that is constant (a density would be
// infinite) or so far from 0 that `real` cannot resolve it; and for fewer rows than sense: 20, or
// twice the columns. Returns what a person should know, a line each: repeated values, outliers,
// many columns.
struct CheckOptions {
  bool constant_allowed = false;  // where noise will be added
  Index given = 0;                // so many of the last columns are conditions: they may repeat
};
std::vector<std::string> check_table(const Table& table, const CheckOptions& options = {});
std::vector<std::string> check_table(const Table& table, const CheckOptions& options,
                                     Faults& faults);

// The grid on which a column's values lie: the smallest gap between two of them, if more than one
// in a hundred rows has the same value; 0 where they do not repeat. That of a constant column is
// the smallest of the others, or 1. (columns)
std::vector<double> grid_of(const Table& table);

// A table in three parts, by a shuffle with this seed.
struct SplitOptions {
  std::uint64_t seed = 0;
  double validation = 0.1, test = 0.1;  // shares of the rows
};
struct Split {
  std::vector<std::string> names = {};
  Tensor training = {}, validation = {}, test = {};            // views of one tensor
  std::map<std::string, std::vector<std::string>> words = {};  // of columns of words
};
// Throws FileError if the training or the validation part would be empty, or shares make no sense.
Split split(Table table, const SplitOptions& options = {});

}  // namespace gradflow
