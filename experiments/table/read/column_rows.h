// ColumnRows: a table whose columns are arrays of their own, each with a name, as
// numpy.savez("t.npz", x=x, y=y) leaves it: they are read side by side.
#pragma once

#include "experiments/table/read/row_reader.h"

namespace gradflow {

class ColumnRows final : public RowReader {
 public:
  // Each of one column, and as long as the others.
  ColumnRows(std::string source, std::vector<std::string> names,
             std::vector<std::unique_ptr<RowReader>> columns);

  bool next(std::span<double> row) override;
  std::string text() const override;

 private:
  std::vector<std::unique_ptr<RowReader>> columns_;
  std::vector<double> all_;  // the row
};

}  // namespace gradflow
