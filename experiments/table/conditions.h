// Conditions: columns that are known beforehand, as what a flow is told of each point.
//
// The one idea: a column of few whole numbers is a class, and becomes as many numbers of which one
// is 1; any other column becomes one number, standardised. So a condition is written as it stands
// in the table, `class=2`, and what a network sees is of size 1.
//
// Read next: model.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

struct Condition {
  std::string name = {};
  std::vector<double> classes = {};  // its values, in order; none: a real number,
  double mean = 0, deviation = 1;    // standardised by these
};

struct Conditions {
  std::vector<Condition> columns = {};

  Index size() const;    // how many numbers they become
  Index reals() const;   // how many columns are real numbers
  Index groups() const;  // how many combinations of classes there are; 1 without classes
  // Values as they stand in the table (n, columns) -> (n, size()): first the real numbers, then
  // classes. Throws FileError, naming it, for a value that is none of a column's classes.
  Tensor encode(const Tensor& values) const;
  // Which combination of classes each of these points is of: what encode() gave -> n numbers.
  std::vector<Index> groups_of(const Tensor& encoded) const;
  // One row (1, columns) from texts such as {"class", "2"}. Throws FileError, with what is
  // possible, unless each column is named once.
  Tensor row(const std::map<std::string, std::string>& texts) const;
};

// Of the last columns of these rows (N, ...), which have these names.
Conditions conditions_of(const Tensor& rows, const std::vector<std::string>& names);

}  // namespace gradflow
