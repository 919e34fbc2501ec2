#include "experiments/metrics/kernel_density.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "experiments/metrics/choice.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

std::vector<double> kernel_log_density(const Tensor& centres, double width, const Tensor& points) {
  require(centres.rank() == 2 && points.rank() == 2 && centres.rows() >= 1 &&
              centres.shape()[1] == points.shape()[1],
          "kernel_log_density: centres {} and points {} given; (n, D), n at least 1, and (m, D)",
          centres.shape(), points.shape());
  require(width > 0, "kernel_log_density: a width of {} given; above 0", width);
  const Index n = centres.rows(), m = points.rows(), D = centres.shape()[1];
  const double scale = -std::log(static_cast<double>(n)) -
                       static_cast<double>(D) * std::log(width * std::sqrt(2 * std::numbers::pi));
  std::vector<double> log_p(static_cast<std::size_t>(m));
  parallel_for(m, [&](Index i) {
    const real* const x = points.data() + i * D;
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (Index c = 0; c < n; ++c) {
      double square = 0;
      for (Index d = 0; d < D; ++d) {
        const double away = double{x[d]} - double{centres.data()[c * D + d]};
        square += away * away;
      }
      // log of a sum of exp, one term after another: the largest exponent is taken out.
      const double exponent = -square / (2 * width * width);
      if (exponent > largest) sum *= std::exp(std::exchange(largest, exponent) - exponent);
      sum += std::exp(exponent - largest);
    }
    log_p[static_cast<std::size_t>(i)] = scale + largest + std::log(sum);
  });
  return log_p;
}

double choose_width(const Tensor& centres, const Tensor& points) {
  return choose_width(2, [&](double width) {
    const std::vector<double> log_p = kernel_log_density(centres, width, points);
    return std::accumulate(log_p.begin(), log_p.end(), 0.0);
  });
}

}  // namespace gradflow
