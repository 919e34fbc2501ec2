#include "flows/univariate/additive.h"

namespace gradflow {
namespace {

PlainMap plain_additive() {
  const auto forward = [](Way way, Index n, const real* x, RawRows<const real> t, real* y, real*,
                          real*) {
    const real sign = way == Way::to_latent ? real(-1) : real(1);
#pragma omp simd
    for (Index i = 0; i < n; ++i) y[i] = x[i] + sign * t.data[i];
  };
  const auto backward = [](Way way, Index n, const real*, const real*, const real*, real* d,
                           const real*, RawRows<real> dt) {
    const real sign = way == Way::to_latent ? real(-1) : real(1);
#pragma omp simd
    for (Index i = 0; i < n; ++i) dt.data[i] = sign * d[i];
  };
  return {0, forward, backward};
}

}  // namespace

Univariate additive() {
  Univariate map{"additive",
                 {"shift"},
                 [](const Var& x, const Var& t, LogDet) { return Mapped{x - t}; },
                 [](const Var& z, const Var& t, LogDet) { return Mapped{z + t}; }};
  map.plain = std::make_shared<const PlainMap>(plain_additive());
  return map;
}

}  // namespace gradflow
