// Distances between samples: against formulas, against each other, and what they refuse.
#include "experiments/metrics/distances.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/ops.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

TEST_CASE("distances: of a shifted copy the Wasserstein distances are the shift") {
  Rng rng(1);
  for (const Index n : {1, 2, 100, 300}) {
    const Tensor a = rng.normal({n, 2}), b = (a + Var(Tensor({1, 2}, {3, -4}))).value();
    CHECK(wasserstein_1(a, b) == Approx(5).epsilon(1e-5));
    CHECK(wasserstein_2(a, b) == Approx(5).epsilon(1e-5));
    // Along a direction at the angle theta the shift is 5 cos(theta - ...): root mean square
    // 5/sqrt 2.
    CHECK(sliced_wasserstein_2(a, b) == Approx(5 / std::sqrt(2.)).epsilon(1e-5));
    CHECK(wasserstein_2(a, a) == 0);
    CHECK(sliced_wasserstein_2(a, a) == 0);
  }
}

TEST_CASE("distances: on a line all Wasserstein distances are those of the sorted samples") {
  Rng rng(2);
  const Tensor a = rng.normal({200, 1}), b = rng.uniform({200, 1}, 1, 5);
  std::vector<real> x(a.values().begin(), a.values().end()),
      y(b.values().begin(), b.values().end());
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  double first = 0, second = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    first += std::abs(double{x[i]} - double{y[i]}) / 200;
    second += std::pow(double{x[i]} - double{y[i]}, 2) / 200;
  }
  CHECK(wasserstein_1(a, b) == Approx(first).epsilon(1e-6));
  CHECK(wasserstein_2(a, b) == Approx(std::sqrt(second)).epsilon(1e-6));
  CHECK(sliced_wasserstein_2(a, b, 7) == Approx(std::sqrt(second)).epsilon(1e-5));
}

TEST_CASE("distances: of few points, by hand") {
  const Tensor a({{0, 0}, {1, 0}}), b({{0, 1}, {5, 0}});
  // Pairs 0-0, 1-1: 1 and 4; crossed: 5 and sqrt 2.
  CHECK(wasserstein_1(a, b) == Approx(2.5));
  CHECK(wasserstein_2(a, b) == Approx(std::sqrt(8.5)));
  const double between = (1 + 5 + std::sqrt(2.) + 4) / 4;
  CHECK(energy_distance(a, b) == Approx(2 * between - 1 - std::sqrt(26.)));
  const auto kernel = [](double squared) {
    double sum = 0;
    for (const double s : {0.01, 0.1, 1., 10., 100.}) sum += std::exp(-squared / (2 * s * s));
    return sum;
  };
  const double own = (2 * kernel(0) + 2 * kernel(1)) / 4,
               other = (2 * kernel(0) + 2 * kernel(26)) / 4;
  const double mixed = (kernel(1) + kernel(25) + kernel(2) + kernel(16)) / 4;
  CHECK(mmd_squared(a, b) == Approx(own + other - 2 * mixed));
  CHECK(mmd_squared(a, a) == Approx(0).margin(1e-12));
}

TEST_CASE("distances: of Gaussians they are near the formula, and of the same, near their floor") {
  Rng rng(3);
  const Tensor a = rng.normal({1000, 2}), again = rng.normal({1000, 2});
  const Tensor b = (2 * rng.normal({1000, 2}) + Tensor({1, 2}, {3, 0})).value();
  // W2^2 = |difference of means|^2 + sum of (difference of deviations)^2.
  const double floor = wasserstein_2(a, again);
  CHECK(floor > 0.05);
  CHECK(floor < 0.4);
  CHECK(wasserstein_2(a, b) == Approx(std::sqrt(9. + 2)).epsilon(0.05));
  CHECK(std::abs(energy_distance(a, again)) < 0.02);
  CHECK(energy_distance(a, b) > 1);
  CHECK(mmd_squared(a, again) < 0.01);
  CHECK(mmd_squared(a, b) > 0.1);
  CHECK(sliced_wasserstein_2(a, again) < 0.15);
  const Tensor five = rng.normal({500, 5});
  const Tensor moved = (five + Var(Tensor({1, 5}, {5, 0, 0, 0, 0}))).value();
  CHECK(sliced_wasserstein_2(five, moved, 2000) == Approx(5 / std::sqrt(5.)).epsilon(0.1));
}

TEST_CASE("distances: path energy, medians and how sure they are") {
  CHECK(normalised_path_energy(12, 8) == Approx(0.5));
  CHECK(normalised_path_energy(4, 8) == Approx(0.5));
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 2, 3}) == 2.5);
  Rng rng(4);
  std::vector<double> values(101);
  std::iota(values.begin(), values.end(), 0.);
  const ConfidenceInterval interval = bootstrap_median(values, rng);
  // The median of 101 evenly spread values has a deviation of about 101 / (2 sqrt 101) = 5.
  CHECK(interval.low < 50);
  CHECK(interval.high > 50);
  CHECK(interval.high - interval.low == Approx(4 * 5).epsilon(0.3));
  const std::vector<double> one{7};
  CHECK(bootstrap_median(one, rng).low == 7);
  CHECK(bootstrap_median(one, rng).high == 7);
}

TEST_CASE("distances: samples that cannot be compared are refused") {
  const Tensor a = ones({3, 2});
  const auto message = [](auto&& call) { return message_of<ShapeError>(call); };
  CHECK(message([&] {
          wasserstein_2(a, ones({4, 2}));
        }) ==
        "wasserstein_2: samples (3, 2) and (4, 2) given; (n, D) and (m, D) with n = m, at least 1 "
        "points, are required");
  CHECK(
      message([&] {
        energy_distance(a, ones({1, 2}));
      }) ==
      "energy_distance: samples (3, 2) and (1, 2) given; (n, D) and (m, D), at least 2 points, are "
      "required");
  CHECK_THROWS_AS(wasserstein_1(a, ones({3, 1})), ShapeError);
  CHECK_THROWS_AS(wasserstein_1(zeros({0, 2}), zeros({0, 2})), ShapeError);
  CHECK_THROWS_AS(sliced_wasserstein_2(a, a, 0), ShapeError);
  CHECK_THROWS_AS(mmd_squared(ones({3}), a), ShapeError);
  Tensor bad = ones({3, 2});
  bad.mutable_data()[3] = std::nanf("");
  CHECK_THROWS_AS(wasserstein_2(bad, a), ShapeError);
  CHECK_THROWS_AS(normalised_path_energy(1, 0), ShapeError);
  CHECK_THROWS_AS(median({}), ShapeError);
  Rng rng(5);
  CHECK_THROWS_AS(bootstrap_median({}, rng), ShapeError);
}

}  // namespace
}  // namespace gradflow
