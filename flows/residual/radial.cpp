#include "flows/residual/radial.h"

namespace gradflow {
namespace {

constexpr real kOne = real(0.54132485461291810);  // softplus(kOne) = 1

// What is common to both directions, of opposite sign: r, b, g (B, 1) -> (B)
Var log_stretch(Index D, const Var& a, const Var& b, const Var& g) {
  return sum(real(D - 1) * log1p(b * g) + log1p(a * b * square(g)), 1);
}

}  // namespace

Radial::Radial(Index dim, Rng& rng) {
  require(dim >= 1, "Radial: {} coordinates given; at least 1", dim);
  centre_ = rng.normal({1, dim});
  alpha_ = zeros({1});
  beta_ = zeros({1});
}

Radial::Strength Radial::strength() const {
  const Var a = softplus(alpha_ + kOne);
  return {a, softplus(beta_ + kOne) - a};
}

Mapped Radial::map_to_latent(const Var& x, const Var&, LogDet log_det) const {
  const auto [a, b] = strength();
  const Var away = x - centre_, g = 1 / (a + norm(away, 1, KeepAxis::yes));
  return {x + b * g * away, log_det == LogDet::yes ? log_stretch(dim(), a, b, g) : Tensor()};
}

// r^2 + q r - a rho = 0 with q = a + b - rho. Of the two forms of its solution the one is taken in
// which nothing cancels: 2 a rho / (q + root) where q > 0, else (root - q) / 2. With |q| both are
// one division or none: the larger of the two solutions' sizes is (root + |q|) / 2.
Mapped Radial::map_to_data(const Var& z, const Var&, LogDet log_det) const {
  const auto [a, b] = strength();
  const Var away = z - centre_, rho = norm(away, 1, KeepAxis::yes), q = a + b - rho;
  const Var large = (sqrt(square(q) + 4 * a * rho) + abs(q)) / 2;
  const Tensor positive = kernel::map("radial", q.value(), [](real v) { return real(v > 0); });
  const Var r = where(positive, a * rho / large, large), g = 1 / (a + r);
  return {centre_ + away / (1 + b * g),
          log_det == LogDet::yes ? -log_stretch(dim(), a, b, g) : Tensor()};
}

void Radial::visit(const Visitor& visitor) {
  visitor("centre", centre_);
  visitor("alpha", alpha_);
  visitor("beta", beta_);
}

}  // namespace gradflow
