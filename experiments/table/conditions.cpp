#include "experiments/table/conditions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/table/read/csv.h"

namespace gradflow {
namespace {

// The values of a column, if they are few and whole.
std::vector<double> classes_of(const Split& parts, Index column) {
  std::set<double> values;
  for (const Tensor* rows : {&parts.training, &parts.validation, &parts.test})
    for (Index i = 0; i < rows->rows(); ++i) {
      const double value = rows->data()[i * std::ssize(parts.names) + column];
      if (value != std::floor(value)) return {};
      values.insert(value);
      if (values.size() > RowReader::kMostWords) return {};
    }
  return {values.begin(), values.end()};
}

// "one of: 2, 5"; or "a number".
std::string possible(const Condition& column) {
  std::vector<std::string> texts;
  for (const double value : column.classes) texts.push_back(column.text_of(value));
  if (texts.empty()) return "a number";
  return fmt::format("one of: {:.200}", fmt::format("{}", fmt::join(texts, ", ")));
}

[[noreturn]] void refuse(const Condition& column, const std::string& text) {
  throw FileError(
      fmt::format("condition: {} = {} given; it is {}", column.name, text, possible(column)));
}

Index class_of(const Condition& column, double value) {
  const auto found = std::ranges::find(column.classes, value);
  if (found == column.classes.end()) refuse(column, column.text_of(value));
  return found - column.classes.begin();
}

// The value that a text stands for.
double value_of(const Condition& column, const std::string& text) {
  if (column.words.empty()) {
    const double value = number_of(text).value_or(kMissing);
    require<FileError>(std::isfinite(value), "condition: {} = \"{}\" given; a number is required",
                       column.name, text);
    return value;
  }
  const auto found = std::ranges::find(column.words, text);
  if (found == column.words.end()) refuse(column, text);
  return static_cast<double>(found - column.words.begin());
}

}  // namespace

std::string Condition::text_of(double value) const {
  if (words.empty()) return fmt::format("{}", static_cast<real>(value));
  return words.at(static_cast<std::size_t>(value));
}

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
    require<FileError>(text != texts.end(), "condition: {} is not given; hint: --given {}, {}",
                       names[g], as_argument({names[g] + "=VALUE"}), possible(columns[g]));
    row.mutable_data()[g] = static_cast<real>(value_of(columns[g], text->second));
  }
  return row;
}

Conditions conditions_of(const Split& parts, const std::vector<std::string>& names) {
  Conditions conditions;
  const std::vector<ColumnStatistics> statistics = statistics_of(parts.training);
  const Index first = std::ssize(parts.names) - std::ssize(names);
  for (std::size_t g = 0; g < names.size(); ++g) {
    const Index column = first + static_cast<Index>(g);
    const ColumnStatistics& s = statistics[static_cast<std::size_t>(column)];
    const auto words = parts.words.find(names[g]);
    conditions.columns.push_back(
        {names[g], classes_of(parts, column), s.mean, s.deviation,
         words == parts.words.end() ? std::vector<std::string>{} : words->second});
  }
  return conditions;
}

std::vector<std::string> check_conditions(const Conditions& conditions, const Tensor& training) {
  constexpr Index kFew = 20;
  std::vector<std::string> warnings;
  const Index columns = training.shape()[1], first = columns - std::ssize(conditions.columns);
  for (std::size_t g = 0; g < conditions.columns.size(); ++g) {
    const Condition& c = conditions.columns[g];
    std::map<double, Index> counts;
    for (Index i = 0; i < training.rows() && !c.classes.empty(); ++i)
      ++counts[training.data()[i * columns + first + static_cast<Index>(g)]];
    for (const double value : c.classes)
      if (counts[value] < kFew)
        warnings.push_back(
            fmt::format("{} = {} has {} rows to train on: what is said of it will "
                        "be that of all classes, or a guess",
                        c.name, c.text_of(value), counts[value]));
  }
  return warnings;
}

}  // namespace gradflow
