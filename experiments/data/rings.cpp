#include "experiments/data/rings.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/error.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {
constexpr Limits kAround{{-1.2, 5.2}, {-2.2, 1.2}};
}

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
    out[2 * i] = static_cast<real>(ring.x + r * math::cos(angle));
    out[2 * i + 1] = static_cast<real>(ring.y + r * math::sin(angle));
    data.labels[static_cast<std::size_t>(i)] = label;
  }
  return data;
}

double rings_density(double x, double y) {
  constexpr double kArea = 6.40595;  // of the rings within the box, by quadrature
  const bool inside = x > -1 && x < 5 && y > -2 && y < 1 && distance_to_band(x, y) == 0;
  return inside ? 1 / kArea : 0;
}

// Spread evenly over its radii and angles.
double ring_density(const Ring& ring, double x, double y) {
  const double r = std::hypot(x - ring.x, y - ring.y);
  if (r < kInnerRadius || r > kOuterRadius) return 0;
  return 1 / (2 * std::numbers::pi * r * (kOuterRadius - kInnerRadius));
}

double rings_by_class_density(double x, double y) {
  double density = 0;
  for (const Ring& ring : kRings) density += ring_density(ring, x, y) / kRings.size();
  return density;
}

DataSet rings() {
  return {.name = "rings",
          .sample =
              [](Index n, Rng& rng) {
                return Data{sample_rings(n, rng), {}};
              },
          .log_density = log_of(rings_density),
          .entropy = 1.8572,
          .mean = {2, -0.420780},
          .deviation = {1.590533, 0.845131},
          .limits = kAround,
          .edges = true};
}

DataSet rings_by_class() {
  DataSet result{.name = "rings_by_class",
                 .sample = sample_rings_by_class,
                 .log_density = log_of(rings_by_class_density),
                 .entropy = 1.8998,
                 .mean = {2, -0.4},
                 .deviation = {1.581962, 0.861745},
                 .limits = kAround,
                 .edges = true};
  for (const Ring& ring : kRings) result.classes.emplace_back(ring.name);
  return result;
}

double distance_to_band(double x, double y, int ring) {
  double nearest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < std::ssize(kRings); ++i) {
    if (ring >= 0 && i != ring) continue;
    const Ring& r = kRings[static_cast<std::size_t>(i)];
    const double dx = x - r.x, dy = y - r.y, radius = std::sqrt(dx * dx + dy * dy);
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
