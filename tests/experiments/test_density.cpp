// The density of a flow-matching model, against fields whose density is known in closed form.
#include "experiments/metrics/density.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/catch.h"

using namespace gradflow;

namespace {

// A "network" of one layer: v(y, t) = A y + a t + b.
FlowMatching linear_field(const Tensor& weight, const Tensor& bias) {
  Rng rng(0);
  FlowMatching model(2, {.hidden = {}}, rng);
  model.network.layers[0].W.value = weight;
  model.network.layers[0].b.value = bias;
  return model;
}

double log_normal(double z) { return -0.5 * (z * z + std::log(2 * std::numbers::pi)); }

}  // namespace

TEST_CASE("density: a field that stretches each axis makes a normal distribution so stretched") {
  // dy/dt = diag(p, q) y, so y_1 = (e^p y_0, e^q z_0), whose deviations are e^p and e^q.
  const double p = 0.5, q = -0.8;
  const FlowMatching model =
      linear_field(Tensor({{static_cast<real>(p), 0, 0}, {0, static_cast<real>(q), 0}}),
                   Tensor(Shape{2}, real(0)));
  const Tensor points({{0, 0}, {1, -0.5}, {-2, real(0.3)}, {real(0.1), real(1.2)}});
  const Tensor log_p = log_density(model, points, 100);  // the midpoint rule errs by about 6e-5
  REQUIRE(log_p.shape() == Shape{4, 1});
  for (Index i = 0; i < points.rows(); ++i) {
    const double x = points.at({i, 0}), y = points.at({i, 1});
    const double exact = log_normal(x * std::exp(-p)) - p + log_normal(y * std::exp(-q)) - q;
    CHECK(std::abs(log_p.at({i, 0}) - exact) < 2e-4);
  }
}

TEST_CASE("density: a rotation keeps the normal distribution, a drift in time moves it") {
  // v = (-w y + t, w x): no divergence. Without the drift the distances to the origin are kept.
  const real w = 2;
  const Tensor still = Tensor(Shape{2}, real(0));
  const Tensor points({{1, 0.5}, {real(-0.3), 2}});
  const Tensor turned =
      log_density(linear_field(Tensor({{0, -w, 0}, {w, 0, 0}}), still), points, 100);
  // v = (t, 0) moves all points by 1/2.
  const Tensor moved = log_density(linear_field(Tensor({{0, 0, 1}, {0, 0, 0}}), still), points, 20);
  for (Index i = 0; i < points.rows(); ++i) {
    const double x = points.at({i, 0}), y = points.at({i, 1});
    CHECK(std::abs(turned.at({i, 0}) - (log_normal(x) + log_normal(y))) < 2e-3);
    CHECK(std::abs(moved.at({i, 0}) - (log_normal(x - 0.5) + log_normal(y))) < 1e-4);
  }
}

TEST_CASE("density: the exact density has mass 1 and the entropy that is known") {
  // The population's own constants: mean and deviation of the rings in the box.
  const Normalization normalization{{2, -0.420780}, {1.590533, 0.845131}};
  const DensityGrid grid{{{-2.4, 2.4}, {-2.4, 2.4}}, 200};
  const std::vector<double> p = exact_density_on(grid, normalization);
  CHECK(std::abs(mass(grid, p) - 1) < 1e-9);
  CHECK(std::abs(-std::log(*std::max_element(p.begin(), p.end())) - kNllFloor) < 2e-3);
}

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
