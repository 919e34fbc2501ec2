#include "flows/affine_coupling.h"

#include <fmt/format.h>

#include "tensor/error.h"

namespace gradflow {
namespace {

Index checked_dim(Index dim) {
  if (dim < 2)
    throw ShapeError(
        fmt::format("AffineCoupling: {} coordinates given; at least 2: one to keep and "
                    "one to move",
                    dim));
  return dim;
}

std::vector<Index> network_sizes(Index in, std::vector<Index> hidden, Index out) {
  hidden.insert(hidden.begin(), in);
  hidden.push_back(out);
  return hidden;
}

// s = c tanh(raw / c): close to raw while that is small, never beyond c.
Var softly_bounded(const Var& raw, real c) {
  return c < std::numeric_limits<real>::infinity() ? c * tanh(raw * (1 / c)) : raw;
}

struct Halves {
  Var kept, moved;
};

Halves split(const char* op, const Var& x, Index kept, Index dim) {
  if (x.shape().rank() != 2 || x.shape()[1] != dim)
    throw ShapeError(fmt::format("AffineCoupling::{}: points {} given; (B, {}) are required", op,
                                 to_string(x.shape()), dim));
  return {slice(x, 1, 0, kept), slice(x, 1, kept, dim)};
}

}  // namespace

AffineCoupling::AffineCoupling(Index coordinates, const AffineCouplingOptions& options, Rng& rng)
    : kept(checked_dim(coordinates) / 2),
      dim(coordinates),
      scale_bound(options.scale_bound),
      scale(network_sizes(kept, options.hidden, dim - kept), rng),
      shift(network_sizes(kept, options.hidden, dim - kept), rng) {
  if (!(scale_bound > 0))
    throw ShapeError(fmt::format("AffineCoupling: scale bound {} given; more than 0", scale_bound));
  if (options.start_as_identity) {
    scale.zero_last_layer();
    shift.zero_last_layer();
  }
}

// z_kept = x_kept,   z_moved = (x_moved - t) exp(-s)          s, t = networks of x_kept
// dz/dx is triangular with 1 and exp(-s) on its diagonal:     log |det dz/dx| = -sum s
Mapped AffineCoupling::to_latent(const Var& x) const {
  const auto [same, moved] = split("to_latent", x, kept, dim);
  const Var s = softly_bounded(scale(same), scale_bound);
  const Var t = shift(same);
  return {concat({same, (moved - t) * exp(-s)}, 1), -sum(s, 1)};
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
