#include "experiments/table/read/column_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradflow {

ColumnRows::ColumnRows(std::string source, std::vector<std::string> names,
                       std::vector<std::unique_ptr<RowReader>> columns)
    : columns_(std::move(columns)), all_(names.size()) {
  source_ = std::move(source);
  names_ = std::move(names);
  for (const auto& column : columns_) column->select({0});
}

bool ColumnRows::next(std::span<double> row) {
  Index there = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c)
    there += columns_[c]->next(std::span(all_).subspan(c, 1)) ? 1 : 0;
  require<FileError>(there == 0 || there == std::ssize(columns_),
                     "read: {}: its arrays are not of one length", source_);
  if (there == 0) return false;
  ++row_;
  for (std::size_t k = 0; k < selected_.size(); ++k)
    row[k] = all_[static_cast<std::size_t>(selected_[k])];
  return true;
}

std::string ColumnRows::text() const { return fmt::format("{}", fmt::join(all_, ",")); }

}  // namespace gradflow
