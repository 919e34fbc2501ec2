// What must hold of every reader of tables: an input is refused in one line that names it, or in
// one for each fault; or it has as many rows when it is read again into a table, which then holds
// nothing but numbers.
#pragma once

#include "experiments/table/read/csv.h"
#include "experiments/table/table.h"
#include "tests/fuzz/fuzz.h"

namespace gradflow {

inline void must_name_input(const FileError& error) {
  const std::string_view what = error.what();
  must(what.starts_with("read: input: ") || what.starts_with("load: input: "),
       "an error names the file");
  const std::size_t end = what.find('\n');
  must(end == what.npos || what.find('"') < end || what.substr(end).starts_with("\n  "),
       "and is one line, or has one for each fault");
}

inline void check_table_reader(const std::string& bytes, const ReadOptions& options = {}) {
  Index rows = 0;
  try {
    const auto reader = read_rows(memory_source("input", bytes), options.array);
    std::vector<double> row(reader->names().size());
    must(reader->selected().size() == row.size(), "at first all columns are read");
    while (reader->next(row)) {
      ++rows;
      must(reader->row() == rows, "rows are counted");
      for (const double x : row)
        if (x == x) must(number_of(fmt::format("{}", x)) == x, "numbers come back from their text");
    }
    must(!reader->next(row), "the end is the end");
    ReadOptions drop = options;
    drop.missing = Missing::drop;
    const Table table = read_table(memory_source("input", bytes), drop);
    must(table.rows() + table.dropped == rows, "each row is kept or dropped");
    must(all_finite(table.values), "what is kept is finite");
  } catch (const FileError& error) {
    must_name_input(error);
  }
}

}  // namespace gradflow
