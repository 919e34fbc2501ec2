// Permutation: the coordinates in another order, so that the next coupling moves those that the
// last one kept. Its log-determinant is 0.
#pragma once

#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

struct Permutation final : Bijection {
  // to_data: x[i] = z[order[i]]. Throws ShapeError unless order has each of 0 ... D-1 once.
  explicit Permutation(std::vector<Index> order);

  static Permutation reversal(Index dim);          // the last coordinate first: for two, a swap
  static Permutation random(Index dim, Rng& rng);  // any order; may be the identity

  Mapped to_latent(const Var& x) const override;
  Mapped to_data(const Var& z) const override;
  bool keeps_volume() const override { return true; }
  NamedTensors constants() const override;  // "order", as numbers
  void set_constants(const NamedTensors& constants) override;
  std::unique_ptr<Bijection> clone() const override { return std::make_unique<Permutation>(*this); }

  std::vector<Index> order, inverse;  // each undoes the other
};

}  // namespace gradflow
