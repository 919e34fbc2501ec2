// The formulas of a coupling, twice: in operations on Vars (composed_to_latent, to_data), and, in
// the direction that training takes, fused into two operations with rules of their own. A coupling
// of two coordinates moves one number a point: what an operation costs besides its arithmetic would
// be most of the time.

#include "tensor/kernels/vector_math.h"
// ^ first: it must come before <cmath>

#include "flows/affine_coupling.h"
#include "tensor/error.h"
#include "tensor/map.h"

namespace gradflow {
namespace {

Index checked_dim(Index dim) {
  require(dim >= 2, "AffineCoupling: {} coordinates given; at least 2: one to keep and one to move",
          dim);
  return dim;
}

Var kept_of(const char* op, const Var& x, Index kept, Index dim) {
  require(x.shape().rank() == 2 && x.shape()[1] == dim,
          "AffineCoupling::{}: points {} given; (B, {}) are required", op, x.shape(), dim);
  return slice(x, 1, 0, kept);
}

// s = c tanh(raw / c): close to raw while that is small, never beyond c.
inline real bounded(real raw, real c) {
  return c == std::numeric_limits<real>::infinity() ? raw : c * std::tanh(raw / c);
}

// ds/d(raw) = 1 - tanh^2(raw / c) = 1 - (s / c)^2
Var softly_bounded(const Var& raw, real c) {
  return record("soft_bound", kernel::map("soft_bound", raw.value(), [c](real v) { return bounded(v, c); }),
                wrt(raw, [c](const Var& ds, const Var& s) { return ds * (1 - square(s / c)); }));
}

// z_kept = x_kept,   z_moved = (x_moved - t) e^-s      for x (B, D), s and t (B, M)
Var scaled_and_shifted(const Var& x, const Var& s, const Var& t) {
  const Index D = x.shape()[1], kept = D - s.shape()[1];
  return concat({slice(x, 1, 0, kept), (slice(x, 1, kept, D) - t) * exp(-s)}, 1);
}

// What the formula gives for x (B, D), raw and t (B, M), with D - M coordinates kept.
struct Formula {
  Tensor z;         // (B, D):  z_moved = (x_moved - t) e^-s
  Tensor log_det;   // (B):     -sum of s over the moved coordinates
  Tensor e, slope;  // (B, M):  e^-s and ds/d(raw) = 1 - (s / c)^2
};

Formula formula(const Tensor& x, const Tensor& raw, const Tensor& t, real c) {
  const Index n = raw.size(), M = raw.shape()[1], D = x.shape()[1];
  Formula f{x, Tensor(Shape{x.rows()}), Tensor(raw.shape()), Tensor(raw.shape())};
  Tensor bounded_raw(raw.shape());
  const real *const r = raw.data(), *shift = t.data();
  real* const s = bounded_raw.mutable_data();
  real *const e = f.e.mutable_data(), *const slope = f.slope.mutable_data();
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    s[i] = bounded(r[i], c);
    e[i] = std::exp(-s[i]);
    slope[i] = 1 - s[i] / c * (s[i] / c);
  }
  real *moved = f.z.mutable_data() + D - M, *log_det = f.log_det.mutable_data();
  for (Index i = 0; i < n; moved += D, ++log_det) {
    *log_det = 0;
    for (Index j = 0; j < M; ++i, ++j) {
      moved[j] = (moved[j] - shift[i]) * e[i];
      *log_det -= s[i];
    }
  }
  return f;
}

// The coupling's formula as one operation:
//   dx_kept = dz_kept      dx_moved = dz_moved e^-s      dt = -dx_moved
//   d(raw) = -dz_moved z_moved slope
Var fused_scale_and_shift(const Var& x, const Var& raw, const Var& t, const Formula& f, real c) {
  const Index D = x.shape()[1], M = raw.shape()[1], kept = D - M;
  const Var arguments[] = {x, raw, t};
  return record_jointly(
      "scale_and_shift", f.z, arguments, [=](const Var& dz, const Tape::Sink& to) {
        if (to.record == Record::yes)
          return to.through(scaled_and_shifted(x, softly_bounded(raw, c), t), dz);
        Tensor dx = dz.value(), draw(raw.shape()), dt(raw.shape());
        real* d = dx.mutable_data() + kept;
        const real *z = f.z.data() + kept, *e = f.e.data(), *slope = f.slope.data();
        real *draw_at = draw.mutable_data(), *dt_at = dt.mutable_data();
        for (Index i = 0; i < draw.size(); d += D, z += D)
          for (Index j = 0; j < M; ++i, ++j) {
            draw_at[i] = -d[j] * z[j] * slope[i];
            d[j] *= e[i];
            dt_at[i] = -d[j];
          }
        to.add(x, std::move(dx));
        to.add(raw, std::move(draw));
        to.add(t, std::move(dt));
      });
}

// log_det as another one:      d(raw) = -dy slope
Var fused_log_det(const Var& raw, const Formula& f, real c) {
  return record_jointly(
      "log_det", f.log_det, std::span(&raw, 1),
      [raw, c, slope = f.slope](const Var& dy, const Tape::Sink& to) {
        if (to.record == Record::yes) return to.through(-sum(softly_bounded(raw, c), 1), dy);
        const Tensor column = dy.value().reshaped({dy.rows(), 1});
        to.add(raw, kernel::map("log_det", column, slope, [](real d, real factor) { return -d * factor; }));
      });
}

}  // namespace

AffineCoupling::AffineCoupling(Index coordinates, const AffineCouplingOptions& options, Rng& rng)
    : kept(checked_dim(coordinates) / 2),
      dim(coordinates),
      scale_bound(options.scale_bound),
      scale(layer_sizes(kept, options.hidden, dim - kept), rng),
      shift(layer_sizes(kept, options.hidden, dim - kept), rng) {
  require(scale_bound > 0, "AffineCoupling: scale bound {} given; more than 0", scale_bound);
  if (options.start_as_identity) {
    scale.zero_last_layer();
    shift.zero_last_layer();
  }
}

// z_kept = x_kept,   z_moved = (x_moved - t) exp(-s)          s, t = networks of x_kept
// dz/dx is triangular with 1 and exp(-s) on its diagonal:     log |det dz/dx| = -sum s
Mapped AffineCoupling::to_latent(const Var& x) const {
  if (Tape::watching()) return composed_to_latent(x);
  const Var same = kept_of("to_latent", x, kept, dim);
  const Var raw = scale(same), t = shift(same);
  const Formula f = formula(x.value(), raw.value(), t.value(), scale_bound);
  return {fused_scale_and_shift(x, raw, t, f, scale_bound), fused_log_det(raw, f, scale_bound)};
}

Mapped AffineCoupling::composed_to_latent(const Var& x) const {
  const Var same = kept_of("to_latent", x, kept, dim);
  const Var s = softly_bounded(scale.composed(same), scale_bound);
  return {scaled_and_shifted(x, s, shift.composed(same)), -sum(s, 1)};
}

// x_kept = z_kept,   x_moved = exp(s) z_moved + t             log |det dx/dz| = sum s
Mapped AffineCoupling::to_data(const Var& z) const {
  const Var same = kept_of("to_data", z, kept, dim), moved = slice(z, 1, kept, dim);
  const Var s = softly_bounded(scale(same), scale_bound);
  const Var t = shift(same);
  return {concat({same, exp(s) * moved + t}, 1), sum(s, 1)};
}

Parameters AffineCoupling::parameters() {
  Parameters list;
  append(list, "scale.", scale.parameters());
  append(list, "shift.", shift.parameters());
  return list;
}

}  // namespace gradflow
