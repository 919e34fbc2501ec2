#include "flows/univariate/affine.h"

#include <cmath>

#include "flows/univariate/affine_fused.h"
#include "flows/univariate_fused.h"

namespace gradflow {
namespace {

Var log_scale(const Var& raw, real bound) {
  const Var own = raw_number(raw, 0, 2);
  return std::isinf(bound) ? own : bound * tanh(own / bound);
}
Var shift(const Var& raw) { return raw_number(raw, 1, 2); }

Mapped to_latent(const Var& x, const Var& raw, real bound, LogDet log_det) {
  const Var s = log_scale(raw, bound), t = shift(raw);
  return {(x - t) * exp(-s), log_det == LogDet::yes ? -sum(s, 1) : Tensor()};
}

Mapped to_data(const Var& z, const Var& raw, real bound, LogDet log_det) {
  const Var s = log_scale(raw, bound), t = shift(raw);
  return {z * exp(s) + t, log_det == LogDet::yes ? sum(s, 1) : Tensor()};
}

}  // namespace

Univariate composed_affine(real bound) {
  require(bound > 0, "affine: bound {} given; more than 0", bound);
  return {"affine",
          {"scale", "shift"},
          [bound](const Var& x, const Var& raw, LogDet log_det) {
            return to_latent(x, raw, bound, log_det);
          },
          [bound](const Var& z, const Var& raw, LogDet log_det) {
            return to_data(z, raw, bound, log_det);
          }};
}

Univariate affine(real bound) { return with_fused(composed_affine(bound), plain_affine(bound)); }

}  // namespace gradflow
