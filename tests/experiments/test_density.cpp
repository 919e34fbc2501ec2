// Densities on a grid: their mass, their entropies, and that of the data.
#include "experiments/metrics/density.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/catch.h"

using namespace gradflow;

TEST_CASE("density: the exact density has mass 1 and the entropy that is known") {
  // The population's own constants: mean and deviation of the rings in the box.
  const Standardize units(Tensor(Shape{2}, {2, -0.420780f}),
                          Tensor(Shape{2}, {1.590533f, 0.845131f}));
  const DensityGrid grid{{{-2.4, 2.4}, {-2.4, 2.4}}, 200};
  const std::vector<double> p = exact_density_on(grid, units);
  CHECK(std::abs(mass(grid, p) - 1) < 1e-9);
  CHECK(std::abs(-std::log(*std::max_element(p.begin(), p.end())) - kNllFloor) < 2e-3);
}

namespace {
double log_normal(double z) { return -0.5 * (z * z + std::log(2 * std::numbers::pi)); }
}  // namespace

TEST_CASE("density: a normal distribution on a grid has its mass and its cross entropy") {
  const DensityGrid grid{{{-6, 6}, {-6, 6}}, 120};
  const auto normal = [](double sigma) {
    return [sigma](const Tensor& points) {
      Tensor result(Shape{points.rows()});
      for (Index i = 0; i < points.rows(); ++i)
        result.mutable_data()[i] =
            static_cast<real>(log_normal(points.at({i, 0}) / sigma) +
                              log_normal(points.at({i, 1}) / sigma) - 2 * std::log(sigma));
      return result;
    };
  };
  const std::vector<double> p = density_on(grid, normal(1)), q = density_on(grid, normal(1.25));
  CHECK(std::abs(mass(grid, p) - 1) < 1e-5);
  // -E log q = log(2 pi sigma^2) + E|x|^2 / (2 sigma^2), with E|x|^2 = 2.
  const double exact = std::log(2 * std::numbers::pi * 1.25 * 1.25) + 1 / (1.25 * 1.25);
  CHECK(std::abs(cross_entropy(grid, p, q) - exact) < 1e-4);
}
