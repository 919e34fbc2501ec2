// The data of the experiments: both samplers against the exact constants of their distributions,
// and the five points.

#include "experiments/data/rings.h"

#include <algorithm>
#include <cmath>

#include "flows/linear/standardize.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

constexpr Index kPoints = 200'000;

// By quadrature on the exact densities.
const Standardize kUnion(Tensor(Shape{2}, {2, -0.420780f}),
                         Tensor(Shape{2}, {1.590533f, 0.845131f}));
const Standardize kByClass(Tensor(Shape{2}, {2, -0.4f}), Tensor(Shape{2}, {1.581962f, 0.861745f}));

// Both moments of both axes, to four standard errors. That of a mean is stddev / sqrt(n); that of a
// standard deviation is at most stddev / sqrt(2 n) for data with tails no heavier than a
// Gaussian's.
void check_moments(const Standardize& sampled, const Standardize& exact) {
  for (const Index axis : {0, 1}) {
    CAPTURE(axis);
    const double mean = exact.mean().at({axis}), deviation = exact.deviation().at({axis});
    const double error = 4 * deviation / std::sqrt(double(kPoints));
    CHECK(std::abs(sampled.mean().at({axis}) - mean) < error);
    CHECK(std::abs(sampled.deviation().at({axis}) - deviation) < error / std::sqrt(2.0));
  }
}

TEST_CASE("the rings, in the order of their class ids") {
  const char* const names[] = {"black", "blue", "green", "red", "yellow"};  // alphabetical
  const double centres[][2] = {{2, 0}, {0, 0}, {3, -1}, {4, 0}, {1, -1}};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(std::string(kRings[i].name) == names[i]);
    CHECK(kRings[i].x == centres[i][0]);
    CHECK(kRings[i].y == centres[i][1]);
  }
  CHECK(kInnerRadius == 1 - 0.25 / 2);
  CHECK(kOuterRadius == 1 + 0.25 / 2);
}

TEST_CASE("distances to the bands") {
  CHECK(distance_to_band(0, 1) == 0);                               // on blue
  CHECK(distance_to_band(0, 0) == Approx(std::sqrt(2.0) - 1.125));  // yellow's band is nearer
  CHECK(distance_to_band(0, 0, 1) == 0.875);
  CHECK(distance_to_band(0, 0.875) == 0);
  CHECK(distance_to_band(0, 1.125) == 0);
  CHECK(distance_to_band(0, 1.625) == 0.5);
  CHECK(distance_to_band(0, 3) == 1.875);
  // The nearest of all rings, or the one asked for.
  CHECK(distance_to_band(3, 0) == 0);
  CHECK(distance_to_band(3, 0, 0) == 0);      // black
  CHECK(distance_to_band(3, 0, 3) == 0);      // red
  CHECK(distance_to_band(3, 0, 1) == 1.875);  // blue
}

TEST_CASE("points of the union are on a ring, in the box, and distributed as they should be") {
  Rng rng(1);
  const Tensor points = sample_rings(kPoints, rng);
  REQUIRE(points.shape() == Shape{kPoints, 2});
  CHECK(share_on_rings(points) == 1);
  bool inside = true;
  Index overlaps = 0;
  for (Index i = 0; i < kPoints; ++i) {
    const double x = points.data()[2 * i], y = points.data()[2 * i + 1];
    inside &= x >= -1 && x <= 5 && y >= -2 && y <= 1;
    int rings = 0;
    for (int ring = 0; ring < 5; ++ring) rings += distance_to_band(x, y, ring) == 0;
    overlaps += rings > 1;
  }
  CHECK(inside);
  CHECK(overlaps > 0);
  check_moments(Standardize::of(points), kUnion);
}

TEST_CASE("35.6 % of the box is on a ring") {
  Rng rng(2);
  Index kept = 0;
  const Tensor x = rng.uniform(Shape{kPoints}, -1, 5), y = rng.uniform(Shape{kPoints}, -2, 1);
  for (Index i = 0; i < kPoints; ++i) kept += distance_to_band(x.data()[i], y.data()[i]) == 0;
  CHECK(double(kept) / double(kPoints) ==
        Approx(0.356).margin(0.0005 + 4 * std::sqrt(0.356 * 0.644 / double(kPoints))));
}

TEST_CASE("points by class are on their own ring, as many on each, not cut off by the box") {
  Rng rng(3);
  const Data data = sample_rings_by_class(kPoints, rng);
  REQUIRE(data.points.shape() == Shape{kPoints, 2});
  check_moments(Standardize::of(data.points), kByClass);

  std::array<Index, 5> counts{};
  double radii = 0, off = 0, above = 0;
  for (Index i = 0; i < kPoints; ++i) {
    const auto label = std::size_t(data.labels[std::size_t(i)]);
    ++counts[label];
    const double x = data.points.data()[2 * i] - kRings[label].x;
    const double y = data.points.data()[2 * i + 1] - kRings[label].y;
    const double radius = std::hypot(x, y);
    radii += radius / double(kPoints);
    // Points on an edge may be rounded over it, by an error of coordinates up to 5.
    off = std::max({off, kInnerRadius - radius, radius - kOuterRadius});
    above = std::max(above, double{data.points.data()[2 * i + 1]});
  }
  CHECK(off <= 8 * kEps);
  CHECK(above > 1.1);  // the box of the other sampler ends at 1
  for (const Index each : counts) CHECK(each == kPoints / 5);
  // The radius is uniform, so its mean is 1; uniform in area it would be 1.0052.
  CHECK(radii == Approx(1).margin(4 * 0.25 / std::sqrt(12.0 * double(kPoints))));
}

TEST_CASE("samples depend on the generator alone") {
  Rng first(4), same(4), other(5);
  const Tensor points = sample_rings(100, first);
  CHECK(difference(sample_rings(100, same), points) == "");
  CHECK(difference(sample_rings(100, other), points) != "");
  Rng by_class(4);
  CHECK(sample_rings_by_class(14, by_class).size() == 10);  // two of each
  CHECK(sample_rings_by_class(5, by_class).labels == std::vector<Index>{0, 1, 2, 3, 4});
  CHECK_THROWS_AS(sample_rings_by_class(4, by_class), ShapeError);
  CHECK(sample_rings(0, first).shape() == Shape{0, 2});
}

TEST_CASE("three of the five points are on a ring, two are off by a known distance") {
  const double expected[] = {0, 0, 0, 0.3144, 0.2735};
  const Tensor raw = kUnion.to_data(five_points()).points.value();
  for (Index i = 0; i < 5; ++i) {
    CAPTURE(i + 1);
    CHECK(distance_to_band(raw.at({i, 0}), raw.at({i, 1})) ==
          Approx(expected[i]).margin(expected[i] > 0 ? 5e-5 : 0).epsilon(0));
  }
}

TEST_CASE("shares of points on the rings") {
  // On blue, 0.1 outside of blue, in the middle of blue, on yellow.
  const Tensor points({{0, 1}, {real(-1.225), 0}, {0, 0}, {1, -2}});
  CHECK(share_on_rings(points) == 0.5);
  CHECK(share_on_rings(points, 0.05) == 0.5);
  CHECK(share_on_rings(points, 0.11) == 0.75);
  CHECK(share_on_ring(points, 1) == 0.25);
  CHECK(share_on_ring(points, 4) == 0.25);
  CHECK(share_on_ring(points, 0) == 0);
}

}  // namespace
}  // namespace gradflow
