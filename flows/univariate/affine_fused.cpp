#include "tensor/kernels/vector_math.h"
// ^ first: it must come before <cmath>

#include "flows/univariate/affine_fused.h"

namespace gradflow {
namespace {

// What the loop computes, of points and raw numbers as in univariate.h.
struct Numbers {
  Tensor points;   // (B, M)
  Tensor log_det;  // (B)
  Tensor s, e;     // (B, M): the log-scale and the factor, e^-s or e^s
};

Numbers computed(Scaling scaling, real c, const Tensor& points, const Tensor& raw, LogDet log_det) {
  const Index B = points.rows(), M = points.shape()[1], n = B * M;
  const bool bounded = !std::isinf(c);
  const real sign = scaling == Scaling::down ? real(-1) : real(1);
  Numbers f{Tensor(points.shape()), Tensor(Shape{log_det == LogDet::yes ? B : 0}),
            Tensor(points.shape()), Tensor(points.shape())};
  const real *const x = points.data(), *const r = raw.data();
  real *const y = f.points.mutable_data(), *const s = f.s.mutable_data(),
              *const e = f.e.mutable_data();
  for (Index i = 0; i < n; ++i) s[i] = r[2 * i];
  if (bounded) {
#pragma omp simd
    for (Index i = 0; i < n; ++i) s[i] = c * std::tanh(s[i] / c);
  }
#pragma omp simd
  for (Index i = 0; i < n; ++i) e[i] = std::exp(sign * s[i]);
  if (scaling == Scaling::down) {
    for (Index i = 0; i < n; ++i) y[i] = (x[i] - r[2 * i + 1]) * e[i];
  } else {
    for (Index i = 0; i < n; ++i) y[i] = x[i] * e[i] + r[2 * i + 1];
  }
  if (log_det == LogDet::no) return f;
  real* total = f.log_det.mutable_data();
  for (Index i = 0; i < n; ++total) {
    *total = 0;
    for (Index j = 0; j < M; ++i, ++j) *total += sign * s[i];
  }
  return f;
}

// z = (x - t) e^-s:   dx = dz e^-s    dt = -dx    ds = -dz z - d(log_det)
// x = z e^s + t:      dz = dx e^s     dt = dx     ds = dx z e^s + d(log_det)
//                     d(raw scale) = ds (1 - (s / c)^2)
// d_log_det: null if it was declined. `from`: the points that were mapped.
std::array<Tensor, 2> gradients(Scaling scaling, real c, const Numbers& f, const Tensor& from,
                                const Tensor& d_points, const Tensor* d_log_det) {
  const Index B = from.rows(), M = from.shape()[1];
  const bool down = scaling == Scaling::down;
  const real sign = down ? real(-1) : real(1);
  Tensor dx(from.shape()), draw({B, 2 * M});
  const real *d = d_points.data(), *s = f.s.data(), *e = f.e.data();
  const real* u = down ? f.points.data() : from.data();  // what s stretches: z in both directions
  real *dx_at = dx.mutable_data(), *draw_at = draw.mutable_data();
  for (Index b = 0, i = 0; b < B; ++b) {
    const real d_det = d_log_det ? d_log_det->data()[b] : 0;
    for (Index j = 0; j < M; ++j, ++i) {
      const real slope = 1 - s[i] / c * (s[i] / c);
      dx_at[i] = d[i] * e[i];
      draw_at[2 * i] = sign * ((down ? d[i] : dx_at[i]) * u[i] + d_det) * slope;
      draw_at[2 * i + 1] = down ? -dx_at[i] : d[i];
    }
  }
  return {std::move(dx), std::move(draw)};
}

}  // namespace

Univariate::Map fused_affine(Scaling scaling, real c, Univariate::Map composed) {
  return [=](const Var& points, const Var& raw, LogDet log_det) -> Mapped {
    const Numbers f = computed(scaling, c, points.value(), raw.value(), log_det);
    const std::array arguments{points, raw};
    if (log_det == LogDet::no)
      return {record_fused(
          "affine", std::array{f.points}, arguments,
          [composed](const std::array<Var, 2>& of) {
            return std::array{composed(of[0], of[1], LogDet::no).points};
          },
          [=, from = points.value()](const std::array<Tensor, 1>& dy, const std::array<bool, 2>&) {
            return gradients(scaling, c, f, from, dy[0], nullptr);
          })[0]};
    const auto y = record_fused(
        "affine", std::array{f.points, f.log_det}, arguments,
        [composed](const std::array<Var, 2>& of) {
          const Mapped mapped = composed(of[0], of[1], LogDet::yes);
          return std::array{mapped.points, mapped.log_det};
        },
        [=, from = points.value()](const std::array<Tensor, 2>& dy, const std::array<bool, 2>&) {
          return gradients(scaling, c, f, from, dy[0], &dy[1]);
        });
    return {y[0], y[1]};
  };
}

}  // namespace gradflow
