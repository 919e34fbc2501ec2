// Planar: space pushed along one direction, by an amount that changes across a plane.
//   Rezende and Mohamed, "Variational inference with normalizing flows" (2015), section 4.1.
//
//   z = x + u' tanh(a),    a = w x + b
//   log_det = log(1 + k (1 - tanh(a)^2)),    k = w u'
//
// with k > -1, so that no two points meet: u' is u, moved along w so that k = softplus(w u) - 1.
//
// The one idea of its way back, which is no formula: along w it is a + k tanh a = w z + b, an
// equation for one number, whose left side grows with a. Halving an interval cannot fail.
//
// Read next: radial.h, whose way back is a formula.
#pragma once

#include <cmath>

#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

class Planar final : public Bijection {
 public:
  // w ~ N(0, 1/D), and u = log(e - 1) w / |w|^2, so that u' is 0: it begins as the identity. Throws
  // ShapeError for dim < 1.
  Planar(Index dim, Rng& rng) {
    require(dim >= 1, "Planar: {} coordinates given; at least 1", dim);
    w_ = (rng.normal({dim, 1}) / std::sqrt(real(dim))).value();
    u_ = (real(0.54132485461291810) * transpose(w_) / square_of_normal()).value();
    b_ = zeros({1});
  }

  const char* name() const override { return "Planar"; }
  Index dim() const override { return w_.value().rows(); }
  void visit(const Visitor& visitor) override {
    visitor("u", u_);
    visitor("w", w_);
    visitor("b", b_);
  }

 private:
  Mapped map_to_latent(const Var& x, const Var&, LogDet log_det) const override {
    const auto [direction, k] = safe_direction();
    const Var tanh_a = tanh(matmul(x, w_) + b_);
    return {x + tanh_a * direction, log_det == LogDet::yes ? log_stretch(k, tanh_a) : Tensor()};
  }

  Mapped map_to_data(const Var& z, const Var&, LogDet log_det) const override {
    const auto [direction, k] = safe_direction();
    const Var target = matmul(z, w_) + b_;             // of a + k tanh a
    const Var a_0 = solve(k.value(), target.value());  // numbers: nothing is recorded
    const Var slope = 1 + k * (1 - square(tanh(a_0)));
    const Var a = a_0 - (a_0 + k * tanh(a_0) - target) / slope;  // a Newton step: recorded
    return {z - tanh(a) * direction, log_det == LogDet::yes ? -log_stretch(k, tanh(a)) : Tensor()};
  }

  // |w|^2 (1), never 0.
  Var square_of_normal() const { return sum(square(w_)) + real(1e-18); }

  struct Direction {
    Var u, k;  // (1, D), (1, 1)
  };
  // u moved along w, so that k = w u' > -1.
  Direction safe_direction() const {
    const Var product = matmul(u_, w_);
    const Var u = u_ + (softplus(product) - 1 - product) / square_of_normal() * transpose(w_);
    return {u, matmul(u, w_)};
  }

  // What is common to both directions, of opposite sign: tanh a (B, 1) -> (B)
  static Var log_stretch(const Var& k, const Var& tanh_a) {
    return sum(log1p(k * (1 - square(tanh_a))), 1);
  }

  // a with a + k tanh a = target, by halving an interval until it is as short as rounding allows.
  static Tensor solve(const Tensor& k, const Tensor& target) {
    const auto greater = [](real a, real b) { return real(a > b); };
    Var low = target - abs(Var(k)), high = target + abs(Var(k));
    for (int i = 0; i < 60; ++i) {
      const Var middle = (low + high) / 2;
      const Tensor too_large =
          kernel::map("planar", (middle + k * tanh(middle)).value(), target, greater);
      low = where(too_large, low, middle);
      high = where(too_large, middle, high);
    }
    return ((low + high) / 2).value();
  }

  Parameter u_, w_, b_;  // (1, D), (D, 1), (1)
};

}  // namespace gradflow
