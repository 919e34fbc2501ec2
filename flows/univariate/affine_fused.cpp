#include "flows/univariate/affine_fused.h"
#include "flows/univariate/affine.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

// What the loop computes, of points (B, D), the last M of whose columns move, and raw (B, 2 M).
struct Numbers {
  Tensor points;   // (B, D)
  Tensor log_det;  // (B)
  Tensor s, e;     // (B, M): the log-scales and the factors, e^-s or e^s
};

Numbers computed(Scaling scaling, real c, const Tensor& points, const Tensor& raw, LogDet log_det) {
  const Index B = points.rows(), D = points.shape()[1], M = raw.shape()[1] / 2, n = B * M;
  const bool down = scaling == Scaling::down;
  const real sign = down ? real(-1) : real(1);
  Numbers f{points, Tensor(Shape{log_det == LogDet::yes ? B : 0}), Tensor({B, M}), {}};
  const real* r = raw.data();
  real* to = f.s.mutable_data();
  for (Index i = 0; i < n; ++i) to[i] = r[2 * i];
  if (!std::isinf(c))
    f.s = kernel::map("affine", f.s, [c](real v) { return c * math::tanh(v / c); });
  f.e = kernel::map("affine", f.s, [sign](real v) { return math::exp(sign * v); });
  const real *s = f.s.data(), *e = f.e.data();
  real* y = f.points.mutable_data() + (D - M);
  for (Index i = 0; i < n; y += D)
    for (Index j = 0; j < M; ++i, ++j) {
      const real t = r[2 * i + 1];
      y[j] = down ? (y[j] - t) * e[i] : y[j] * e[i] + t;
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
                                Index M, const Tensor& d_points, const Tensor* d_log_det) {
  const Index B = from.rows(), D = from.shape()[1];
  const bool down = scaling == Scaling::down;
  const real sign = down ? real(-1) : real(1);
  Tensor dx = d_points, draw({B, 2 * M});
  real *d = dx.mutable_data() + (D - M), *to = draw.mutable_data();
  const real *s = f.s.data(), *e = f.e.data();
  const real* z = (down ? f.points : from).data() + (D - M);  // on the latent side
  for (Index b = 0; b < B; ++b, d += D, z += D) {
    const real d_det = d_log_det ? d_log_det->data()[b] : 0;
    for (Index j = 0; j < M; ++j, ++s, ++e, to += 2) {
      const real given = d[j];
      d[j] *= *e;
      to[0] = sign * ((down ? given : d[j]) * z[j] + d_det) * (1 - *s / c * (*s / c));
      to[1] = down ? -d[j] : given;
    }
  }
  return {std::move(dx), std::move(draw)};
}

// What it means.
Mapped composed(Scaling scaling, real c, const Var& points, const Var& raw, LogDet log_det) {
  const Univariate map = composed_affine(c);
  return scaling == Scaling::down ? map.to_latent(points, raw, log_det)
                                  : map.to_data(points, raw, log_det);
}

}  // namespace

Univariate::Map fused_affine(Scaling scaling, real c) {
  return [scaling, c](const Var& points, const Var& raw, LogDet log_det) -> Mapped {
    const Numbers f = computed(scaling, c, points.value(), raw.value(), log_det);
    if (!points.tracked() && !raw.tracked()) return {f.points, f.log_det};
    const std::array arguments{points, raw};
    const Index M = raw.shape()[1] / 2;
    if (log_det == LogDet::no)
      return {record_fused(
          "affine", std::array{f.points}, arguments,
          [=](const std::array<Var, 2>& of) {
            return std::array{composed(scaling, c, of[0], of[1], log_det).points};
          },
          [=, from = points.value()](const std::array<Tensor, 1>& dy, const std::array<bool, 2>&) {
            return gradients(scaling, c, f, from, M, dy[0], nullptr);
          })[0]};
    const auto y = record_fused(
        "affine", std::array{f.points, f.log_det}, arguments,
        [=](const std::array<Var, 2>& of) {
          const Mapped mapped = composed(scaling, c, of[0], of[1], log_det);
          return std::array{mapped.points, mapped.log_det};
        },
        [=, from = points.value()](const std::array<Tensor, 2>& dy, const std::array<bool, 2>&) {
          return gradients(scaling, c, f, from, M, dy[0], &dy[1]);
        });
    return {y[0], y[1]};
  };
}

}  // namespace gradflow
