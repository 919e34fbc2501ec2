#include "experiments/metrics/truth.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"

namespace gradflow {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Index kGrid = 240;  // cells on a side: 200 of them over the data, whose edges they meet

// The borders that cut sorted values into `parts` of the same number.
std::vector<double> inner_borders(const std::vector<double>& sorted, std::size_t parts) {
  std::vector<double> borders;
  for (std::size_t i = 1; i < parts; ++i) borders.push_back(sorted[i * sorted.size() / parts]);
  return borders;
}

std::size_t part_of(const std::vector<double>& borders, double value) {
  return static_cast<std::size_t>(std::ranges::upper_bound(borders, value) - borders.begin());
}

double quantile(std::vector<double> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

// log a - log b at each point where a's is a number. (A point of p may be rounded over an edge of
// it, and so lie outside.)
std::vector<double> differences(const Tensor& log_a, const Tensor& log_b) {
  std::vector<double> result;
  for (Index i = 0; i < log_a.size(); ++i)
    if (std::isfinite(log_a.data()[i]))
      result.push_back(double(log_a.data()[i]) - double(log_b.data()[i]));
  return result;
}

double share_within(const Tensor& points, const Limits& limits) {
  Index inside = 0;
  for (Index i = 0; i < points.rows(); ++i) {
    const double x = points.data()[2 * i], y = points.data()[2 * i + 1];
    inside += limits.x.low < x && x < limits.x.high && limits.y.low < y && y < limits.y.high;
  }
  return static_cast<double>(inside) / static_cast<double>(points.rows());
}

Interval widened(const Interval& range) {  // by a tenth on each side
  const double by = (range.high - range.low) / 10;
  return {range.low - by, range.high + by};
}

std::vector<double> finite_values(const Tensor& x) {
  std::vector<double> values(x.values().begin(), x.values().end());
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  return values;
}

}  // namespace

EqualCells::EqualCells(const Tensor& sample) {
  require(sample.rows() >= 100, "EqualCells: {} points given; at least 100", sample.rows());
  std::vector<double> xs;
  for (Index i = 0; i < sample.rows(); ++i) xs.push_back(sample.data()[2 * i]);
  std::ranges::sort(xs);
  x_cuts_ = inner_borders(xs, kCuts);
  std::vector<std::vector<double>> strips(kCuts);
  for (Index i = 0; i < sample.rows(); ++i)
    strips[part_of(x_cuts_, sample.data()[2 * i])].push_back(sample.data()[2 * i + 1]);
  for (auto& ys : strips) {
    std::ranges::sort(ys);
    y_cuts_.push_back(inner_borders(ys, kCuts));
  }
}

double EqualCells::covered_by(const Tensor& points) const {
  std::vector<Index> counts(kCuts * kCuts);
  for (Index i = 0; i < points.rows(); ++i) {
    const std::size_t strip = part_of(x_cuts_, points.data()[2 * i]);
    ++counts[strip * kCuts + part_of(y_cuts_[strip], points.data()[2 * i + 1])];
  }
  const double due = static_cast<double>(points.rows()) / static_cast<double>(counts.size());
  const auto covered =
      std::ranges::count_if(counts, [due](Index n) { return static_cast<double>(n) >= due / 2; });
  return static_cast<double>(covered) / static_cast<double>(counts.size());
}

Truth::Truth(DataSet set, Index points, Rng rng)
    : set_(std::move(set)),
      points_(set_.sample(points, rng).points),
      log_p_(set_.log_density(points_)),
      cells_(points_) {
  const std::vector<double> log_p = finite_values(log_p_);
  const Estimate mean = mean_of(log_p);
  const double off = std::abs(-mean.value - set_.entropy);
  require<Error>(off <= 5 * mean.error + 1e-4,
                 "{}: the mean of -log p over {} of its points is {:.5f} +- {:.5f}; its entropy is "
                 "said to be {:.5f}",
                 set_.name, log_p.size(), -mean.value, mean.error, set_.entropy);
  rare_ = quantile(log_p, 0.001);
  bright_ = std::exp(quantile(log_p, 0.95));
}

Measures Truth::measure(const DensityModel& q, Rng& rng) const {
  Measures result{.floor = set_.entropy};
  result.gap = mean_of(differences(log_p_, q.log_density(points_)));
  result.nll = result.floor + result.gap.value;

  const Tensor samples = q.sample(points_.rows(), rng);
  const Tensor log_p = set_.log_density(samples);
  const bool beyond = std::ranges::any_of(log_p.values(), [](real v) { return v == -kInfinity; });
  result.reverse =
      beyond ? Estimate{kInfinity, 0} : mean_of(differences(q.log_density(samples), log_p));
  result.coverage = cells_.covered_by(samples);
  const auto likely = std::ranges::count_if(log_p.values(), [&](real v) { return v >= rare_; });
  result.precision = static_cast<double>(likely) / static_cast<double>(samples.rows());

  const DensityGrid grid{{widened(set_.limits.x), widened(set_.limits.y)}, kGrid};
  result.mass = mass(grid, density_on(grid, q.log_density));
  result.inside = share_within(samples, grid.limits);
  return result;
}

Limits Truth::view() const {
  const auto around = [this](std::size_t axis, const Interval& all) {
    const double from = set_.mean[axis], reach = 3 * set_.deviation[axis];
    return Interval{std::max(all.low, from - reach), std::min(all.high, from + reach)};
  };
  return {around(0, set_.limits.x), around(1, set_.limits.y)};
}

}  // namespace gradflow
