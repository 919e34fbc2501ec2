// The two moons: the sampler against the exact moments, the density against its integral and
// against samples, distances by hand.

#include "experiments/data/moons.h"

#include <cmath>
#include <numbers>

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

// The mean of g over a fine grid that holds the moons, times its area: an integral.
template <class G>
double integral(const G& g) {
  constexpr int kCells = 300;
  const double x_0 = -1.7, y_0 = -1.2, width = 4.4, height = 2.9;
  double sum = 0;
  for (int i = 0; i < kCells; ++i)
    for (int k = 0; k < kCells; ++k)
      sum += g(x_0 + (i + 0.5) * width / kCells, y_0 + (k + 0.5) * height / kCells);
  return sum * width * height / (kCells * kCells);
}

TEST_CASE("the density of the moons integrates to 1 and is that of the samples") {
  CHECK(integral([](double x, double y) { return moons_density(x, y); }) == Approx(1).margin(1e-5));
  // The share of points within twice the noise, counted and integrated, to four standard errors.
  constexpr Index kPoints = 20'000;
  Rng rng(5);
  const Tensor points = sample_moons(kPoints, rng).points;
  const double share = integral([](double x, double y) {
    return distance_to_moons(x, y) <= 2 * kMoonNoise ? moons_density(x, y) : 0;
  });
  const double error = std::sqrt(share * (1 - share) / double(kPoints));
  CHECK(share_on_moons(points) == Approx(share).margin(4 * error + 1e-3).epsilon(0));
  // The mean of log p over samples is its integral under p.
  const auto moment = [](int power) {
    return integral([=](double x, double y) {
      const double p = moons_density(x, y);
      return p > 0 ? p * std::pow(std::log(p), power) : 0;
    });
  };
  const double mean = moment(1), variance = moment(2) - mean * mean;
  CHECK(mean_moons_log_density(points.rows(0, 5000)) ==
        Approx(mean).margin(4 * std::sqrt(variance / 5000)).epsilon(0));
}

}  // namespace
}  // namespace gradflow
