#include "experiments/data/graphs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "experiments/data/quadrature.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

using Function = std::function<double(double u)>;
constexpr double kReach = 4.8;  // beyond it are 1.6e-6 of a normal

double log_normal(double z) { return -0.5 * (z * z + math::log(2 * std::numbers::pi)); }

// Of g(u) over u ~ N(0, 1); both sides apart, since some functions have a kink at 0.
double expectation(const Function& g) {
  double sum = 0;
  for (const Interval& side : {Interval{-9, 0}, Interval{0, 9}})
    for (const Node& node : gauss_legendre(100, side))
      sum += node.weight * math::exp(log_normal(node.at)) * g(node.at);
  return sum;
}

// All values of f + noise within reach.
Interval range_of(const Function& f, double c) {
  Interval range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  double u = -kReach;
  while (u <= kReach) {
    range.low = std::min(range.low, f(u) - kReach * c);
    range.high = std::max(range.high, f(u) + kReach * c);
    u += 0.01;
  }
  return range;
}

enum class Axes { as_they_are, swapped };  // u is x and v is y, or the other way round

DataSet graph(std::string name, const Function& f, double c, Axes axes = Axes::as_they_are) {
  const std::size_t u = axes == Axes::swapped, v = 1 - u;
  DataSet set{.name = std::move(name)};
  set.sample = [=](Index n, Rng& rng) {
    Data data{rng.normal({n, 2}), {}};
    real* at = data.points.mutable_data();
    for (Index i = 0; i < n; ++i, at += 2) at[v] = static_cast<real>(f(at[u]) + c * at[v]);
    return data;
  };
  set.log_density = at_each_point([=](double x, double y) {
    const Point2 at{x, y};
    return log_normal(at[u]) + log_normal((at[v] - f(at[u])) / c) - math::log(c);
  });
  set.entropy = 1 + math::log(2 * std::numbers::pi) + math::log(c);
  const double mean = expectation(f);
  const double variance = expectation([&](double z) { return std::pow(f(z) - mean, 2); });
  set.mean[v] = mean;
  set.deviation[v] = std::sqrt(variance + c * c);
  const Interval us{-kReach, kReach}, vs = range_of(f, c);
  set.limits = axes == Axes::swapped ? Limits{vs, us} : Limits{us, vs};
  return set;
}

}  // namespace

DataSet sine() {
  return graph(
      "sine", [](double u) { return math::sin(5 * u); }, math::exp(-1.0));
}
DataSet absolute() {
  return graph(
      "abs", [](double u) { return std::abs(u) - 1; }, math::exp(-1.5));
}
DataSet sign() {
  DataSet set = graph(
      "sign", [](double u) { return u + (u > 0) - (u < 0); }, math::exp(-1.5));
  set.edges = true;
  return set;
}
DataSet crescent() {
  return graph(
      "crescent", [](double u) { return u * u / 2 - 1; }, math::exp(-1.0), Axes::swapped);
}
DataSet crescent_cubed() {
  return graph(
      "crescent_cubed", [](double u) { return 0.2 * u * u * u; }, 1, Axes::swapped);
}

}  // namespace gradflow
