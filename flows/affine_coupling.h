// Affine coupling: the layer that normalizing flows are made of.
//
// The one idea: leave half of the coordinates alone, and scale and shift the other half by amounts
// that depend, through networks of any kind, on the half that stays. Whatever the networks compute,
// the map can be undone (the half that stayed says by how much), and its Jacobian is triangular, so
// that its log-determinant is a sum.
//   Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP" (2017), equations 4 to 8.
//
// Read next: composition.h, normalizing_flow.h.
#pragma once

#include <limits>

#include "flows/bijection.h"
#include "nn/mlp.h"

namespace gradflow {

struct AffineCouplingOptions {               // what the networks are, and what they begin as
  std::vector<Index> hidden = {8, 8, 8, 8};  // sizes of the hidden layers of both networks
  // s = c tanh(raw / c) keeps the log-scale between -c and c. Without a bound (infinity) exp(-s)
  // can explode on points far from the data, and with it the training.
  real scale_bound = 2;
  bool start_as_identity = true;  // last layers zeroed: s = t = 0 at the beginning
};

struct AffineCoupling final : Bijection {
  // For points of `dim` coordinates, at least 2; the first dim / 2 are kept, the others moved.
  // Throws ShapeError for a smaller dim or a bound that is not positive.
  AffineCoupling(Index dim, const AffineCouplingOptions& options, Rng& rng);

  // z_a = x_a,   z_b = (x_b - t(x_a)) exp(-s(x_a)),   log_det = -sum s
  Mapped to_latent(const Var& x) const override;
  Mapped composed_to_latent(const Var& x) const;  // the same, an operation a formula
  // x_a = z_a,   x_b = z_b exp(s(z_a)) + t(z_a),      log_det = sum s
  Mapped to_data(const Var& z) const override;
  Parameters parameters() override;  // "scale.0.weight", ..., "shift.0.weight", ...
  std::unique_ptr<Bijection> clone() const override {
    return std::make_unique<AffineCoupling>(*this);
  }

  Index kept, dim;   // how many coordinates stay, of how many
  real scale_bound;  // c above
  Mlp scale, shift;  // s before its bound, and t: (B, kept) -> (B, dim - kept)
};

}  // namespace gradflow
