// The catalogue: all data sets, by name, for command lines and tables.
//
// The one idea: a name and how to make it. Some take a moment (their entropy is an integral), so
// none is made before it is asked for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/data/data_set.h"

namespace gradflow {

struct Entry {
  std::string name;
  std::function<DataSet()> make;
  std::string about;  // what it is, in a line
  // Another set in this list, of which it is a copy in other units or with other noise: nothing new
  // is to be learned from it, but losses in the literature refer to it.
  std::string copy_of = {};
};

const std::vector<Entry>& catalogue();

// All names; those that are no copies.
std::vector<std::string> all_sets();
std::vector<std::string> distinct_sets();

// The one of this name; or, for a file (*.png, *.pgm), the picture as a density (picture.h). Throws
// Error, with all names, if there is no such set.
DataSet data_set(const std::string& name);

}  // namespace gradflow
