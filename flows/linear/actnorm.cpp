#include "flows/linear/actnorm.h"

#include "flows/linear/standardize.h"

namespace gradflow {

ActNorm::ActNorm(Index dim) {
  require(dim >= 1, "ActNorm: {} coordinates given; at least 1", dim);
  log_scale_ = zeros(Shape{dim});
  shift_ = zeros(Shape{dim});
}

// (x - mean) / deviation = x e^r + c
void ActNorm::begin_with(const Tensor& x, const Tensor&) {
  if (initialised()) return;
  const Standardize moments = Standardize::of(x);
  log_scale_ = (-log(moments.deviation())).value();
  shift_ = (-moments.mean() / Var(moments.deviation())).value();
  initialised_ = ones({1});
}

Mapped ActNorm::map_to_latent(const Var& x, const Var&, LogDet log_det) const {
  return {x * exp(log_scale_) + shift_,
          log_det == LogDet::yes ? broadcast_to(sum(log_scale_), Shape{x.rows()}) : Tensor()};
}

Mapped ActNorm::map_to_data(const Var& z, const Var&, LogDet log_det) const {
  return {(z - shift_) * exp(-Var(log_scale_)),
          log_det == LogDet::yes ? broadcast_to(-sum(log_scale_), Shape{z.rows()}) : Tensor()};
}

void ActNorm::visit(const Visitor& visitor) {
  visitor("log_scale", log_scale_);
  visitor("shift", shift_);
  visitor("initialised", initialised_);
}

}  // namespace gradflow
