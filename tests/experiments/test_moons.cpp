// The two moons: the sampler against the exact moments, distances by hand, the density against what
// is counted. (All else that a data set says is checked in test_data.cpp.)

#include "experiments/data/moons.h"

#include <cmath>
#include <numbers>

#include "experiments/data/quadrature.h"
#include "flows/linear/standardize.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

TEST_CASE("moons have the moments of their formula") {
  // cos a has mean 0 and variance 1/2; sin a mean 2/pi and variance 1/2 - 4/pi^2. The moons'
  // centres lie 1 apart in x, and 4/pi - 1/2 in y: that adds a quarter of its square.
  constexpr Index kPoints = 200'000;
  Rng rng(1);
  const Standardize sampled = Standardize::of(sample_moons(kPoints, rng).points);
  const double two_by_pi = 2 / std::numbers::pi, apart = 2 * two_by_pi - 0.5;
  const double noise = kMoonNoise * kMoonNoise;
  const double stddev[] = {std::sqrt(0.5 + 0.25 + noise),
                           std::sqrt(0.5 - two_by_pi * two_by_pi + apart * apart / 4 + noise)};
  const double mean[] = {0.5, 0.25};
  for (const Index axis : {0, 1}) {  // to four standard errors
    const double error = 4 * stddev[axis] / std::sqrt(double(kPoints));
    CAPTURE(axis);
    CHECK(std::abs(sampled.mean().at({axis}) - mean[axis]) < error);
    CHECK(std::abs(sampled.deviation().at({axis}) - stddev[axis]) < error / std::sqrt(2.0));
  }
}

TEST_CASE("without noise every point is on its own moon, and the labels take turns") {
  Rng rng(2);
  const Data data = sample_moons(1001, rng, 0);
  REQUIRE(data.points.shape() == Shape{1001, 2});
  REQUIRE(data.labels.size() == 1001);
  for (Index i = 0; i < 1001; ++i) {
    const double x = data.points.data()[2 * i], y = data.points.data()[2 * i + 1];
    REQUIRE(data.labels[std::size_t(i)] == i % 2);
    const double radius = i % 2 == 0 ? std::hypot(x, y) : std::hypot(x - 1, y - 0.5);
    REQUIRE(radius == Approx(1).epsilon(4 * kEps));
    REQUIRE((i % 2 == 0 ? y >= -kEps : y <= 0.5 + kEps));
  }
  CHECK(share_on_moons(data.points, 1e-6) == 1);
}

TEST_CASE("samples of moons depend on the generator alone") {
  Rng first(3), same(3), other(4);
  const Tensor points = sample_moons(100, first).points;
  CHECK(difference(sample_moons(100, same).points, points) == "");
  CHECK(difference(sample_moons(100, other).points, points) != "");
  CHECK(sample_moons(0, first).points.shape() == Shape{0, 2});
}

TEST_CASE("distances to the moons") {
  CHECK(distance_to_moons(0, 1) == 0);
  CHECK(distance_to_moons(1, -0.5) == 0);
  CHECK(distance_to_moons(0, 1.25) == 0.25);
  CHECK(distance_to_moons(-1, -0.5) == 0.5);            // below the left end of the upper moon
  CHECK(distance_to_moons(2, 1) == 0.5);                // above the right end of the lower moon
  CHECK(distance_to_moons(-1.3, -0.4) == Approx(0.5));  // 3, 4, 5
  CHECK(distance_to_moons(0.5, 0.25) == Approx(1 - std::hypot(0.5, 0.25)));
}

// Of the points near the arcs: counted, and by the density.
TEST_CASE("the share of the moons within twice the noise") {
  constexpr Index kPoints = 20'000;
  Rng rng(5);
  const DataSet data = moons();
  const Tensor points = data.sample(kPoints, rng).points;
  const double share = integral(data.limits, 0.01, [&](double x, double y) {
    if (distance_to_moons(x, y) > 2 * kMoonNoise) return 0.0;
    return std::exp(double(data.log_density(Tensor({{real(x), real(y)}})).item()));
  });
  const double error = std::sqrt(share * (1 - share) / double(kPoints));
  CHECK(share_on_moons(points) == Approx(share).margin(4 * error + 1e-3).epsilon(0));
}

}  // namespace
}  // namespace gradflow
