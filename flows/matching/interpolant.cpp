#include "flows/matching/interpolant.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace gradflow {
namespace {

constexpr double kBeforeTheEnd = 1 - 1e-3;

// alpha / (alpha + sigma), which rises from 0 to 1.
Var share(const Coefficients& c) { return c.alpha / (c.alpha + c.sigma); }

// The times (B, 1) at which the data has these shares, by halving an interval: numbers.
Tensor time_of_share(const Interpolant& path, const Tensor& wanted) {
  const auto above = [](real a, real b) { return static_cast<real>(a > b); };
  Var low = zeros(wanted.shape()), high = Tensor(wanted.shape(), static_cast<real>(path.last));
  for (int i = 0; i < std::numeric_limits<real>::digits; ++i) {
    const Var middle = (low + high) / 2;
    const Tensor late = kernel::map("time_of_share", share(path.at(middle)).value(), wanted, above);
    low = where(late, low, middle);
    high = where(late, middle, high);
  }
  return ((low + high) / 2).value();
}

}  // namespace

OnPath Interpolant::operator()(const Var& y_0, const Var& y_1, const Var& t) const {
  const Coefficients c = clamped_at(t);
  return {c.alpha * y_1 + c.sigma * y_0, c.d_alpha * y_1 + c.d_sigma * y_0};
}

Interpolant linear_interpolant() {
  return {"linear", [](const Var& t) {
            const Tensor one = ones(t.shape());
            return Coefficients{t, 1 - t, one, -Var(one)};
          }};
}

Interpolant polynomial(real n) {
  require(n > 0 && std::isfinite(n), "polynomial: t^{} given; a finite power above 0", n);
  return {"polynomial", [n](const Var& t) {
            const Var alpha = pow(t, n), slope = n * pow(t, n - 1);
            return Coefficients{alpha, 1 - alpha, slope, -slope};
          }};
}

Interpolant cosine() {
  return {"cosine", [](const Var& t) {
            const real quarter = std::numbers::pi_v<real> / 2;
            const Var s = sin(quarter * t), c = cos(quarter * t);
            return Coefficients{s, c, quarter * c, -quarter * s};
          }};
}

Interpolant linear_variance_preserving() {
  return {"linear_variance_preserving",
          [](const Var& t) {
            const Var sigma = sqrt(1 - square(t));
            return Coefficients{t, sigma, Tensor(t.shape(), real{1}), -t / sigma};
          },
          kBeforeTheEnd};
}

Interpolant variance_preserving(real least, real most) {
  require(0 < least && least <= most && std::isfinite(most),
          "variance_preserving: from {} to {} given; 0 < least <= most, both finite", least, most);
  return {
      "variance_preserving",
      [=](const Var& t) {
        const Var left = 1 - t, T = square(left) * ((most - least) / 2) + left * least;
        const Var slope = -left * (most - least) - least;
        const Var alpha = exp(-T / 2), sigma = sqrt(-expm1(-T));
        return Coefficients{alpha, sigma, slope * alpha / -2, slope * square(alpha) / (2 * sigma)};
      },
      kBeforeTheEnd};
}

Interpolant toward_target(real s) {
  require(0 <= s && s <= 1, "toward_target: a deviation of {} given; from 0 to 1", s);
  return {"toward_target", [s](const Var& t) {
            const Tensor one = ones(t.shape());
            return Coefficients{t, 1 - (1 - s) * t, one, (s - 1) * Var(one)};
          }};
}

PathEnds expected_ends(const Interpolant& path, const Var& y, const Var& v, const Var& t) {
  const Coefficients c = path.clamped_at(t);
  const Var determinant = c.d_alpha * c.sigma - c.alpha * c.d_sigma;
  return {(c.d_alpha * y - c.alpha * v) / determinant, (c.sigma * v - c.d_sigma * y) / determinant};
}

Var score(const Interpolant& path, const Var& y, const Var& v, const Var& t) {
  return -expected_ends(path, y, v, t).y_0 / path.clamped_at(t).sigma;
}

Field rescheduled(Field field, Interpolant from, Interpolant to) {
  return [field = std::move(field), from = std::move(from), to = std::move(to)](const Var& y,
                                                                                const Var& t) {
    const Coefficients there = to.clamped_at(t);
    const Var s = time_of_share(from, share(there).value());
    const Coefficients here = from.at(s);
    const Var place = y * ((here.alpha + here.sigma) / (there.alpha + there.sigma));
    const PathEnds ends = expected_ends(from, place, field(place, s), s);
    return there.d_alpha * ends.y_1 + there.d_sigma * ends.y_0;
  };
}

}  // namespace gradflow
