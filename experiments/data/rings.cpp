#include "experiments/data/rings.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/error.h"

namespace gradflow {

Tensor sample_rings(Index n, Rng& rng) {
  constexpr Index kBlock = 4096;  // candidates at a time; about 36 % are on a ring
  Tensor points({n, 2});
  real* out = points.mutable_data();
  for (Index found = 0; found < n;) {
    const Tensor xs = rng.uniform(Shape{kBlock}, -1, 5);
    const Tensor ys = rng.uniform(Shape{kBlock}, -2, 1);
    for (Index i = 0; i < kBlock && found < n; ++i) {
      const real x = xs.data()[i], y = ys.data()[i];
      if (distance_to_band(x, y) > 0) continue;
      out[2 * found] = x;
      out[2 * found + 1] = y;
      ++found;
    }
  }
  return points;
}

Data sample_rings_by_class(Index n, Rng& rng) {
  const Index each = n / std::ssize(kRings), total = each * std::ssize(kRings);
  if (each < 1) throw ShapeError("sample_rings_by_class: fewer points than rings given");
  Data data{Tensor({total, 2}), std::vector<Index>(static_cast<std::size_t>(total))};
  const Tensor radii = rng.uniform(Shape{total}, kInnerRadius, kOuterRadius);
  const Tensor angles = rng.uniform(Shape{total}, 0, 2 * std::numbers::pi_v<real>);
  real* out = data.points.mutable_data();
  for (Index i = 0; i < total; ++i) {
    const Index label = i / each;
    const Ring& ring = kRings[static_cast<std::size_t>(label)];
    const double r = radii.data()[i], angle = angles.data()[i];
    out[2 * i] = static_cast<real>(ring.x + r * std::cos(angle));
    out[2 * i + 1] = static_cast<real>(ring.y + r * std::sin(angle));
    data.labels[static_cast<std::size_t>(i)] = label;
  }
  return data;
}

Normalization Normalization::of(const Tensor& points) {
  Normalization result{};
  const Index n = points.rows();
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const real* x = points.data() + axis;
    double sum = 0, squares = 0;
    for (Index i = 0; i < n; ++i) sum += x[2 * i];
    const double mean = sum / static_cast<double>(n);
    for (Index i = 0; i < n; ++i) squares += (x[2 * i] - mean) * (x[2 * i] - mean);
    result.mean[axis] = mean;
    result.stddev[axis] = std::sqrt(squares / static_cast<double>(n));
  }
  return result;
}

Tensor Normalization::apply(const Tensor& points) const {
  Tensor result = points;
  real* x = result.mutable_data();
  for (Index i = 0; i < result.size(); ++i) {
    const auto axis = static_cast<std::size_t>(i % 2);
    x[i] = static_cast<real>((x[i] - mean[axis]) / stddev[axis]);
  }
  return result;
}

Tensor Normalization::undo(const Tensor& points) const {
  Tensor result = points;
  real* x = result.mutable_data();
  for (Index i = 0; i < result.size(); ++i) {
    const auto axis = static_cast<std::size_t>(i % 2);
    x[i] = static_cast<real>(mean[axis] + x[i] * stddev[axis]);
  }
  return result;
}

NamedTensors Normalization::tensors() const {
  const auto pair = [](const std::array<double, 2>& v) {
    return Tensor(Shape{2}, {static_cast<real>(v[0]), static_cast<real>(v[1])});
  };
  return {{"normalization.mean", pair(mean)}, {"normalization.stddev", pair(stddev)}};
}

Normalization Normalization::from(const NamedTensors& tensors) {
  Normalization result{};
  const auto read = [&](const char* name, std::array<double, 2>& out) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.shape() != Shape{2})
      throw ShapeError(std::string("Normalization: no \"") + name + "\" of shape (2) given");
    out = {found->second.data()[0], found->second.data()[1]};
  };
  read("normalization.mean", result.mean);
  read("normalization.stddev", result.stddev);
  return result;
}

double distance_to_band(double x, double y, int ring) {
  double nearest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < std::ssize(kRings); ++i) {
    if (ring >= 0 && i != ring) continue;
    const Ring& r = kRings[static_cast<std::size_t>(i)];
    const double radius = std::hypot(x - r.x, y - r.y);
    nearest = std::min(nearest, std::max({kInnerRadius - radius, radius - kOuterRadius, 0.0}));
  }
  return nearest;
}

namespace {
double share_within(const Tensor& points, double tolerance, int ring) {
  Index inside = 0;
  for (Index i = 0; i < points.rows(); ++i)
    inside += distance_to_band(points.data()[2 * i], points.data()[2 * i + 1], ring) <= tolerance;
  return static_cast<double>(inside) / static_cast<double>(points.rows());
}
}  // namespace

double share_on_rings(const Tensor& raw_points, double tolerance) {
  return share_within(raw_points, tolerance, -1);
}

double share_on_ring(const Tensor& raw_points, int ring) {
  return share_within(raw_points, 0, ring);
}

Tensor five_points() {
  Tensor points({std::ssize(kFivePoints), 2});
  std::copy_n(kFivePoints[0].data(), points.size(), points.mutable_data());
  return points;
}

}  // namespace gradflow
