#include "experiments/data/spread.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "experiments/data/quadrature.h"
#include "tensor/error.h"

namespace gradflow {

Spread::Spread(double s) : s_(s) {
  require(s > 0 && std::isfinite(s), "Spread: a deviation of {} given; it is to be above 0", s);
}

void Spread::add(const Point2& centre, double weight) {
  xs_.push_back(centre[0]);
  ys_.push_back(centre[1]);
  weights_.push_back(weight);
}

// Two passes: the nearest centre first, then the terms that count beside its own. Those beyond are
// below exp(-40) of it, less than a double can see.
double Spread::log_density(double x, double y) const {
  const std::size_t n = xs_.size();
  double nearest = std::numeric_limits<double>::infinity();
#pragma omp simd reduction(min : nearest)
  for (std::size_t i = 0; i < n; ++i) {
    const double dx = x - xs_[i], dy = y - ys_[i], squared = dx * dx + dy * dy;
    nearest = squared < nearest ? squared : nearest;
  }
  const double reach = nearest + 80 * s_ * s_;
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double dx = x - xs_[i], dy = y - ys_[i], squared = dx * dx + dy * dy;
    if (squared <= reach) sum += weights_[i] * std::exp((nearest - squared) / (2 * s_ * s_));
  }
  return std::log(sum) - nearest / (2 * s_ * s_) - std::log(2 * std::numbers::pi * s_ * s_);
}

// In cells of s / 2: far below the 2 s or so over which p changes.
double Spread::entropy() const {
  Limits all = limits();
  for (Interval* range : {&all.x, &all.y}) *range = {range->low - 3 * s_, range->high + 3 * s_};
  return integral(all, s_ / 2, [this](double x, double y) {
    const double log_p = log_density(x, y);
    return -log_p * std::exp(log_p);
  });
}

Point2 Spread::mean() const {
  Point2 mean{0, 0};
  for (std::size_t i = 0; i < xs_.size(); ++i) {
    mean[0] += weights_[i] * xs_[i];
    mean[1] += weights_[i] * ys_[i];
  }
  return mean;
}

// The variance of the centres, and that of the Gaussian.
Point2 Spread::deviation() const {
  const Point2 m = mean();
  double x = s_ * s_, y = s_ * s_;
  for (std::size_t i = 0; i < xs_.size(); ++i) {
    x += weights_[i] * (xs_[i] - m[0]) * (xs_[i] - m[0]);
    y += weights_[i] * (ys_[i] - m[1]) * (ys_[i] - m[1]);
  }
  return {std::sqrt(x), std::sqrt(y)};
}

Limits Spread::limits() const {
  const auto around = [this](const std::vector<double>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return Interval{*low - 5 * s_, *high + 5 * s_};
  };
  return {around(xs_), around(ys_)};
}

}  // namespace gradflow
