#include "experiments/data/smeared_moons.h"
#include "tensor/kernels/vector_math.h"

#include <cmath>
#include <numbers>

namespace gradflow {
namespace {

using std::numbers::pi;

constexpr double kSmear = 0.2;

// Of the upper moon. The difference y - x = sin a - cos a = sqrt(2) sin(a - pi/4) is not smeared:
// it says a, up to a mirror; u is what is left. The Jacobian of (a, u) -> (x, y) is |sin a + cos
// a|.
double upper_density(double x, double y) {
  const double sine = (y - x) / std::numbers::sqrt2;
  if (std::abs(sine) > 1) return 0;
  double density = 0;
  for (const double from_diagonal : {std::asin(sine), pi - std::asin(sine)}) {
    const double a = pi / 4 + from_diagonal, u = x - math::cos(a);
    if (a < 0 || a > pi || u < 0 || u > kSmear) continue;
    density += 1 / (pi * kSmear * std::abs(math::sin(a) + math::cos(a)));
  }
  return density;
}

// The lower moon is the upper one turned by half a circle; so is its smear.
double density(double x, double y) {
  return (upper_density(x, y) + upper_density(1 + kSmear - x, 0.5 + kSmear - y)) / 2;
}

Data sample(Index n, Rng& rng) {
  const Tensor angles = rng.uniform(Shape{n}), smears = rng.uniform(Shape{n});
  Data data{Tensor({n, 2}), {}};
  real* at = data.points.mutable_data();
  for (Index i = 0; i < n; ++i, at += 2) {
    const double a = pi * angles.data()[i], u = kSmear * smears.data()[i];
    const bool lower = i % 2 == 1;
    at[0] = static_cast<real>((lower ? 1 - math::cos(a) : math::cos(a)) + u);
    at[1] = static_cast<real>((lower ? 0.5 - math::sin(a) : math::sin(a)) + u);
    data.labels.push_back(lower);
  }
  return data;
}

}  // namespace

// The variances of the moons (moons.h), and that of u.
DataSet smeared_moons() {
  const double two_by_pi = 2 / pi, apart = 2 * two_by_pi - 0.5, u = kSmear * kSmear / 12;
  return {.name = "smeared_moons",
          .classes = {"upper", "lower"},
          .sample = sample,
          .log_density = log_of(density),
          .entropy = 2.04784 - 2 * math::log(3.0),
          .mean = {0.5 + kSmear / 2, 0.25 + kSmear / 2},
          .deviation = {std::sqrt(0.75 + u),
                        std::sqrt(0.5 - two_by_pi * two_by_pi + apart * apart / 4 + u)},
          .limits = {{-1, 2.2}, {-0.5, 1.2}},
          .edges = true};
}

}  // namespace gradflow
