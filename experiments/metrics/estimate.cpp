#include "experiments/metrics/estimate.h"

#include <cmath>
#include <limits>

namespace gradflow {

Estimate mean_of(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  if (!std::isfinite(sum)) return {sum / n, std::numeric_limits<double>::infinity()};
  for (const double value : values) squares += (value - sum / n) * (value - sum / n);
  return {sum / n, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0};
}

}  // namespace gradflow
