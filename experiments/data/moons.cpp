#include "experiments/data/moons.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "experiments/data/blurred.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

using std::numbers::pi;

// The place on a moon's arc that belongs to an angle.
Point2 on_moon(Index moon, double angle) {
  const double c = math::cos(angle), s = math::sin(angle);
  return moon == 0 ? Point2{c, s} : Point2{1 - c, 0.5 - s};
}

// From a point to the upper half of the unit circle: along the radius, or to one of its ends.
double distance_to_half_circle(double x, double y) {
  return y >= 0 ? std::abs(std::hypot(x, y) - 1) : std::hypot(std::abs(x) - 1, y);
}

}  // namespace

Data sample_moons(Index n, Rng& rng, double noise) {
  const Tensor angles = rng.uniform(Shape{n}, 0, std::numbers::pi_v<real>);
  Data data{rng.normal({n, 2}), std::vector<Index>(static_cast<std::size_t>(n))};
  real* out = data.points.mutable_data();
  for (Index i = 0; i < n; ++i) {
    const Index moon = i % 2;
    const auto [x, y] = on_moon(moon, angles.data()[i]);
    out[2 * i] = static_cast<real>(x + noise * out[2 * i]);
    out[2 * i + 1] = static_cast<real>(y + noise * out[2 * i + 1]);
    data.labels[static_cast<std::size_t>(i)] = moon;
  }
  return data;
}

DataSet moons(double noise) {
  const auto arc = [](Index moon) {
    return PlaneCurve{[moon](double angle) { return on_moon(moon, angle); }, {0, pi}};
  };
  DataSet set = blurred("moons", {arc(0), arc(1)}, noise, {"upper", "lower"});
  set.sample = [noise](Index n, Rng& rng) { return sample_moons(n, rng, noise); };
  return set;
}

double distance_to_moons(double x, double y) {
  return std::min(distance_to_half_circle(x, y), distance_to_half_circle(1 - x, 0.5 - y));
}

double share_on_moons(const Tensor& points, double tolerance) {
  Index near = 0;
  for (Index i = 0; i < points.rows(); ++i)
    near += distance_to_moons(points.data()[2 * i], points.data()[2 * i + 1]) <= tolerance;
  return static_cast<double>(near) / static_cast<double>(points.rows());
}

}  // namespace gradflow
