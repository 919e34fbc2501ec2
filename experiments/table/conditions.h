// Conditions: columns that are known beforehand, as what a flow is told of each point.
//
// The one idea: a column of few whole numbers, or of words, is a class, and becomes as many numbers
// of which one is 1; any other column becomes one number, standardised. So a condition is written
// as it stands in the table, `class=2` or `sort=iris`, and what a network sees is of size 1.
//
// Read next: model.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/table/table.h"

namespace gradflow {

struct Condition {
  std::string name = {};
  std::vector<double> classes = {};  // its values, in order; none: a real number,
  double mean = 0, deviation = 1;    // standardised by these
  // Of a column of words: the words, of which the values are the places.
  std::vector<std::string> words = {};

  std::string text_of(double value) const;  // as it stands in a file
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

// Of the last columns of a table, which have these names: means and deviations of the training
// part; classes of all parts, since one of a few rows may be in another part alone.
Conditions conditions_of(const Split& parts, const std::vector<std::string>& names);
// What a person should know of them, a line each: classes with hardly any rows in `training`.
std::vector<std::string> check_conditions(const Conditions& conditions, const Tensor& training);

}  // namespace gradflow
