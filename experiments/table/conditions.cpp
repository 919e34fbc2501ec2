#include "experiments/table/conditions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/table/read/csv.h"
#include "experiments/table/table.h"

namespace gradflow {
namespace {

constexpr std::size_t kMostClasses = 50;

// The values of a column, if they are few and whole.
std::vector<double> classes_of(const Tensor& rows, Index column) {
  std::set<double> values;
  const Index columns = rows.shape()[1];
  for (Index i = 0; i < rows.rows(); ++i) {
    const double value = rows.data()[i * columns + column];
    if (value != std::floor(value)) return {};
    values.insert(value);
    if (values.size() > kMostClasses) return {};
  }
  return {values.begin(), values.end()};
}

Index class_of(const Condition& column, double value) {
  const auto found = std::ranges::find(column.classes, value);
  require<FileError>(found != column.classes.end(),
                     "condition: {} = {} given; it is one of: {:.200}", column.name, value,
                     fmt::format("{}", fmt::join(column.classes, ", ")));
  return found - column.classes.begin();
}

}  // namespace

Index Conditions::size() const {
  Index size = 0;
  for (const Condition& c : columns) size += c.classes.empty() ? 1 : std::ssize(c.classes);
  return size;
}

Index Conditions::reals() const {
  return std::ranges::count_if(columns, [](const Condition& c) { return c.classes.empty(); });
}

Index Conditions::groups() const {
  Index groups = 1;
  for (const Condition& c : columns)
    if (!c.classes.empty()) groups *= std::ssize(c.classes);
  return groups;
}

Tensor Conditions::encode(const Tensor& values) const {
  const Index n = values.rows(), G = std::ssize(columns), C = size();
  require(values.rank() == 2 && values.shape()[1] == G,
          "Conditions: values {} given; ({}, {}) are required", values.shape(), n, G);
  Tensor encoded = zeros({n, C});
  real* const out = encoded.mutable_data();
  Index real_place = 0, class_place = reals();
  for (Index g = 0; g < G; ++g) {
    const Condition& c = columns[static_cast<std::size_t>(g)];
    for (Index i = 0; i < n; ++i) {
      const double value = values.data()[i * G + g];
      if (c.classes.empty())
        out[i * C + real_place] = static_cast<real>((value - c.mean) / c.deviation);
      else
        out[i * C + class_place + class_of(c, value)] = 1;
    }
    (c.classes.empty() ? real_place : class_place) += c.classes.empty() ? 1 : std::ssize(c.classes);
  }
  return encoded;
}

std::vector<Index> Conditions::groups_of(const Tensor& encoded) const {
  const Index n = encoded.rows(), C = size();
  std::vector<Index> groups(static_cast<std::size_t>(n), 0);
  for (Index i = 0; i < n; ++i) {
    const real* at = encoded.data() + i * C + reals();
    for (const Condition& c : columns) {
      const Index classes = std::ssize(c.classes);
      if (classes == 0) continue;
      Index& group = groups[static_cast<std::size_t>(i)];
      group = group * classes + (std::max_element(at, at + classes) - at);
      at += classes;
    }
  }
  return groups;
}

Tensor Conditions::row(const std::map<std::string, std::string>& texts) const {
  std::vector<std::string> names;
  for (const Condition& c : columns) names.push_back(c.name);
  const std::string all = fmt::format("{}", fmt::join(names, ", "));
  for (const auto& [name, text] : texts)
    require<FileError>(std::ranges::find(names, name) != names.end(),
                       "condition: \"{}\" given; the model's conditions are: {}", name,
                       all.empty() ? "none" : all);
  Tensor row({1, std::ssize(columns)});
  for (std::size_t g = 0; g < columns.size(); ++g) {
    const auto text = texts.find(names[g]);
    require<FileError>(text != texts.end(), "condition: {} is not given; hint: --given {}=VALUE",
                       names[g], names[g]);
    const double value = number_of(text->second).value_or(kMissing);
    require<FileError>(std::isfinite(value), "condition: {} = \"{}\" given; a number is required",
                       names[g], text->second);
    row.mutable_data()[g] = static_cast<real>(value);
  }
  return row;
}

Conditions conditions_of(const Tensor& rows, const std::vector<std::string>& names) {
  Conditions conditions;
  const std::vector<ColumnStatistics> statistics = statistics_of(rows);
  const Index first = rows.shape()[1] - std::ssize(names);
  for (std::size_t g = 0; g < names.size(); ++g) {
    const Index column = first + static_cast<Index>(g);
    const ColumnStatistics& s = statistics[static_cast<std::size_t>(column)];
    conditions.columns.push_back({names[g], classes_of(rows, column), s.mean, s.deviation});
  }
  return conditions;
}

}  // namespace gradflow
