#include "flows/univariate/affine_fused.h"

#include <algorithm>
#include <cmath>

#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

// The raw numbers are the scale's and t. Kept: s, and the factor e^-s or e^s.
void forward(real c, Way way, Index n, const real* x, RawRows<const real> raw, real* y,
             real* log_det, real* s) {
  const bool down = way == Way::to_latent;
  const real sign = down ? real(-1) : real(1);
  const real *const own = raw[0], *const t = raw[1];
  real* const e = s + n;
  if (std::isinf(c)) {
    std::copy_n(own, n, s);
  } else {
#pragma omp simd
    for (Index i = 0; i < n; ++i) s[i] = c * math::tanh(own[i] / c);
  }
#pragma omp simd
  for (Index i = 0; i < n; ++i) e[i] = math::exp(sign * s[i]);
  if (down) {
#pragma omp simd
    for (Index i = 0; i < n; ++i) y[i] = (x[i] - t[i]) * e[i];
  } else {
#pragma omp simd
    for (Index i = 0; i < n; ++i) y[i] = x[i] * e[i] + t[i];
  }
  if (!log_det) return;
#pragma omp simd
  for (Index i = 0; i < n; ++i) log_det[i] += sign * s[i];
}

// z = (x - t) e^-s:   dx = dz e^-s    dt = -dx    ds = -dz z - d(log_det)
// x = z e^s + t:      dz = dx e^s     dt = dx     ds = dx z e^s + d(log_det)
//                     d(raw scale) = ds (1 - (s / c)^2)
void backward(real c, Way way, Index n, const real* x, const real* y, const real* s, real* d,
              const real* d_log_det, RawRows<real> draw) {
  const bool down = way == Way::to_latent;
  const real *const e = s + n, *const z = down ? y : x;
  real *const ds = draw[0], *const dt = draw[1];
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    const real given = d[i], passed = given * e[i];
    const real own = (down ? given : passed) * z[i] + (d_log_det ? d_log_det[i] : 0);
    ds[i] = (down ? -own : own) * (1 - s[i] / c * (s[i] / c));
    dt[i] = down ? -passed : given;
    d[i] = passed;
  }
}

}  // namespace

PlainMap plain_affine(real bound) {
  return {2, std::bind_front(forward, bound), std::bind_front(backward, bound)};
}

}  // namespace gradflow
