#include "flows/affine_coupling.h"

#include "tensor/error.h"
#include "tensor/math.h"

namespace gradflow {
namespace {

Index checked_dim(Index dim) {
  require<ShapeError>(
      dim >= 2, "AffineCoupling: {} coordinates given; at least 2: one to keep and one to move",
      dim);
  return dim;
}

// s = c tanh(raw / c): close to raw while that is small, never beyond c.
// d(raw) = ds (1 - tanh^2(raw / c)) = ds (1 - (s / c)^2)
Var softly_bounded(const Var& raw, real c) {
  if (c == std::numeric_limits<real>::infinity()) return raw;
  const Tensor bound = Tensor::scalar(c), inverse = Tensor::scalar(1 / c);
  return record(
      "soft_bound", mul(bound, tanh(mul(raw.value(), inverse))),
      wrt(raw, [inverse](const Var& ds, const Var& s) { return ds * (1 - square(s * inverse)); }));
}

struct Halves {
  Var kept, moved;
};

Var kept_of(const char* op, const Var& x, Index kept, Index dim) {
  require<ShapeError>(x.shape().rank() == 2 && x.shape()[1] == dim,
                      "AffineCoupling::{}: points {} given; (B, {}) are required", op, x.shape(),
                      dim);
  return slice(x, 1, 0, kept);
}

Halves split(const char* op, const Var& x, Index kept, Index dim) {
  return {kept_of(op, x, kept, dim), slice(x, 1, kept, dim)};
}

// The coordinates that stay, and the others by their formula.
Var scale_and_shift(const Halves& x, const Var& s, const Var& t) {
  return concat({x.kept, (x.moved - t) * exp(-s)}, 1);
}

// scale_and_shift as one operation on x (B, D), s (B, M) and t (B, M), with D - M coordinates kept.
//   z_moved = (x_moved - t) e^-s      dx_kept = dz_kept      dx_moved = dz_moved e^-s
//                                     dt = -dz_moved e^-s    ds = -dz_moved z_moved
Var fused_scale_and_shift(const Var& x, const Var& s, const Var& t) {
  const Index B = x.rows(), D = x.shape()[1], M = s.shape()[1], kept = D - M;
  Tensor z = x.value();
  const Tensor e = exp(neg(s.value()));
  real* out = z.mutable_data();
  for (Index i = 0; i < B; ++i)
    for (Index j = 0; j < M; ++j) {
      real& moved = out[i * D + kept + j];
      moved = (moved - t.value().data()[i * M + j]) * e.data()[i * M + j];
    }
  const Var arguments[] = {x, s, t};
  return record_jointly("scale_and_shift", z, arguments, [=](const Var& dz, const Tape::Sink& to) {
    if (to.record == Record::yes) {
      const Var moved = slice(x, 1, kept, D), d = slice(dz, 1, kept, D) * exp(-s);
      to.add(x, concat({slice(dz, 1, 0, kept), d}, 1));
      to.add(s, -(d * (moved - t)));
      to.add(t, -d);
      return;
    }
    Tensor dx = dz.value(), ds({B, M}), dt({B, M});
    real *dx_at = dx.mutable_data(), *ds_at = ds.mutable_data(), *dt_at = dt.mutable_data();
    for (Index i = 0; i < B; ++i)
      for (Index j = 0; j < M; ++j) {
        const Index in_x = i * D + kept + j, in_s = i * M + j;
        ds_at[in_s] = -dx_at[in_x] * z.data()[in_x];
        dx_at[in_x] *= e.data()[in_s];
        dt_at[in_s] = -dx_at[in_x];
      }
    to.add(x, std::move(dx));
    to.add(s, std::move(ds));
    to.add(t, std::move(dt));
  });
}

}  // namespace

AffineCoupling::AffineCoupling(Index coordinates, const AffineCouplingOptions& options, Rng& rng)
    : kept(checked_dim(coordinates) / 2),
      dim(coordinates),
      scale_bound(options.scale_bound),
      scale(layer_sizes(kept, options.hidden, dim - kept), rng),
      shift(layer_sizes(kept, options.hidden, dim - kept), rng) {
  require<ShapeError>(scale_bound > 0, "AffineCoupling: scale bound {} given; more than 0",
                      scale_bound);
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
  const Var s = softly_bounded(scale(same), scale_bound);
  return {fused_scale_and_shift(x, s, shift(same)), -sum(s, 1)};
}

Mapped AffineCoupling::composed_to_latent(const Var& x) const {
  const Halves halves = split("to_latent", x, kept, dim);
  const Var s = softly_bounded(scale.composed(halves.kept), scale_bound);
  return {scale_and_shift(halves, s, shift.composed(halves.kept)), -sum(s, 1)};
}

// x_kept = z_kept,   x_moved = exp(s) z_moved + t             log |det dx/dz| = sum s
Mapped AffineCoupling::to_data(const Var& z) const {
  const auto [same, moved] = split("to_data", z, kept, dim);
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
