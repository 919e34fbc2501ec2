#include "flows/univariate/circular.h"

#include <cmath>
#include <numbers>

namespace gradflow {
namespace {

constexpr real kPi = std::numbers::pi_v<real>;

// The same angle between -pi and pi. Whole turns are a constant where the derivative is taken.
Var between(const Var& x) {
  const auto turns = [](real v) { return -2 * kPi * std::round(v / (2 * kPi)); };
  return clamp(x + kernel::map("circular", x.value(), turns), -kPi, kPi);
}

// The raw numbers of the spline and the turns: raw (B, M R) -> (B, M (R - 1)), (B, M)
struct Parts {
  Var spline, turn;
};
Parts parts(const Var& raw, Index R) {
  const Index B = raw.rows(), M = raw.shape()[1] / R;
  const auto [spline, turn] = split(reshape(raw, {B, M, R}), 2, R - 1);
  return {reshape(spline, {B, M * (R - 1)}), reshape(turn, {B, M})};
}

}  // namespace

Univariate circular(Index bins) {
  const Univariate spline = rational_quadratic({.bins = bins, .box = kPi}, Ends::joined);
  std::vector<std::string> names = spline.raws;
  names.push_back("turn");
  const Index R = std::ssize(names);
  return {"circular", std::move(names),
          [=](const Var& x, const Var& raw, LogDet log_det) {
            const auto [own, turn] = parts(raw, R);
            return spline.to_latent(between(x + turn), own, log_det);
          },
          [=](const Var& z, const Var& raw, LogDet log_det) {
            const auto [own, turn] = parts(raw, R);
            Mapped x = spline.to_data(between(z), own, log_det);
            x.points = between(x.points - turn);
            return x;
          }};
}

}  // namespace gradflow
