// Estimate: a mean, and how far it may be off.
#pragma once

#include <span>

namespace gradflow {

struct Estimate {  // a mean and its standard error
  double value = 0, error = 0;
};
// Of these values, at least one; of one alone no error is known, and it is 0. Of an infinite mean
// it is infinite.
Estimate mean_of(std::span<const double> values);

}  // namespace gradflow
