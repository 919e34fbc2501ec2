#include "experiments/metrics/distances.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/ops.h"
#include "flows/matching/assignment.h"
#include "tensor/error.h"

namespace gradflow {
namespace {

void check(const char* called, const Tensor& a, const Tensor& b, bool one_size, Index least = 1) {
  require(a.rank() == 2 && b.rank() == 2 && a.shape()[1] == b.shape()[1] && a.rows() >= least &&
              b.rows() >= least && (!one_size || a.rows() == b.rows()),
          "{}: samples {} and {} given; (n, D) and (m, D){}, at least {} points, are required",
          called, a.shape(), b.shape(), one_size ? " with n = m" : "", least);
}

// f of each squared distance, added up in double.
template <class F>
double sum_over_pairs(const Tensor& a, const Tensor& b, const F& f) {
  double sum = 0;
  for (Index i = 0; i < a.rows(); ++i)
    for (const double d : squared_distances(a.rows(i, i + 1), b)) sum += f(d);
  return sum;
}

double number(Index n) { return static_cast<double>(n); }

// Directions (D, count), of length 1.
Tensor directions_of(Index D, Index count) {
  Tensor all({D, count});
  if (D != 2) {
    Rng rng(180);
    const Var drawn = rng.normal({D, count});
    return (drawn / sqrt(sum(square(drawn), 0, KeepAxis::yes))).value();
  }
  for (Index k = 0; k < count; ++k) {
    const double angle = std::numbers::pi * number(k) / number(count);
    all.mutable_data()[k] = static_cast<real>(std::cos(angle));
    all.mutable_data()[count + k] = static_cast<real>(std::sin(angle));
  }
  return all;
}

}  // namespace

double wasserstein_1(const Tensor& a, const Tensor& b) {
  check("wasserstein_1", a, b, true);
  std::vector<double> costs = squared_distances(a, b);
  for (double& cost : costs) cost = std::sqrt(cost);
  return assign(costs, a.rows()).cost / number(a.rows());
}

double wasserstein_2(const Tensor& a, const Tensor& b) {
  check("wasserstein_2", a, b, true);
  return std::sqrt(assign(squared_distances(a, b), a.rows()).cost / number(a.rows()));
}

double sliced_wasserstein_2(const Tensor& a, const Tensor& b, Index directions) {
  check("sliced_wasserstein_2", a, b, true);
  require(directions >= 1, "sliced_wasserstein_2: {} directions given; at least 1", directions);
  const Tensor along = directions_of(a.shape()[1], directions);
  const auto projected = [&](const Tensor& x) {  // (directions, n): each row sorted
    Tensor lines = kernel::transpose(matmul(x, along).value());
    for (Index k = 0; k < directions; ++k) {
      real* line = lines.mutable_data() + k * x.rows();
      std::sort(line, line + x.rows());
    }
    return lines;
  };
  const Tensor x = projected(a), y = projected(b);
  double squares = 0;
  for (Index i = 0; i < x.size(); ++i)
    squares += std::pow(double{x.data()[i]} - double{y.data()[i]}, 2);
  return std::sqrt(squares / number(x.size()));
}

double energy_distance(const Tensor& a, const Tensor& b) {
  check("energy_distance", a, b, false, 2);
  const auto distance = [](double squared) { return std::sqrt(squared); };
  const double n = number(a.rows()), m = number(b.rows());
  return 2 * sum_over_pairs(a, b, distance) / (n * m) -
         sum_over_pairs(a, a, distance) / (n * (n - 1)) -
         sum_over_pairs(b, b, distance) / (m * (m - 1));
}

double mmd_squared(const Tensor& a, const Tensor& b) {
  check("mmd_squared", a, b, false);
  const auto kernel = [](double squared) {
    double sum = 0;
    for (const double s : {0.01, 0.1, 1., 10., 100.}) sum += std::exp(-squared / (2 * s * s));
    return sum;
  };
  const double n = number(a.rows()), m = number(b.rows());
  return sum_over_pairs(a, a, kernel) / (n * n) + sum_over_pairs(b, b, kernel) / (m * m) -
         2 * sum_over_pairs(a, b, kernel) / (n * m);
}

double normalised_path_energy(double energy, double w2_squared) {
  require(w2_squared > 0, "normalised_path_energy: a squared W2 of {} given; more than 0",
          w2_squared);
  return std::abs(energy - w2_squared) / w2_squared;
}

double median(std::vector<double> values) {
  require(!values.empty(), "median: no values given; at least 1");
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

ConfidenceInterval bootstrap_median(std::span<const double> values, Rng& rng, Index resamples,
                                    double confidence) {
  require(!values.empty() && resamples >= 1 && 0 < confidence && confidence < 1,
          "bootstrap_median: {} values, {} resamples, confidence {} given; at least 1, at least 1, "
          "between 0 and 1",
          values.size(), resamples, confidence);
  std::vector<double> medians;
  for (Index k = 0; k < resamples; ++k) {
    std::vector<double> drawn;
    for (const Index i : rng.integers(std::ssize(values), std::ssize(values)))
      drawn.push_back(values[static_cast<std::size_t>(i)]);
    medians.push_back(median(std::move(drawn)));
  }
  std::sort(medians.begin(), medians.end());
  const auto quantile = [&](double share) {
    return medians[static_cast<std::size_t>(std::llround(share * number(resamples - 1)))];
  };
  return {quantile((1 - confidence) / 2), quantile((1 + confidence) / 2)};
}

}  // namespace gradflow
