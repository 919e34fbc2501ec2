// Householder: a product of mirrors, each through the origin with a normal v that is trained. It
// keeps volume.
//   Tomczak and Welling, "Improving variational auto-encoders using Householder flow" (2016).
//
// z = x - 2 v (v.x) / (v.v)
//
// The one idea: D mirrors make every rotation of D coordinates, each for one product with a vector.
// A mirror undoes itself; their product is undone by the same in reverse. They begin in equal
// pairs, so that the whole is the identity, and each pair turns as soon as its mirrors part.
#pragma once

#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

class Householder final : public Bijection {
 public:
  // Normals ~ N(0, 1). Throws ShapeError unless dim >= 2 and the mirrors are an even number, 2 or
  // more.
  Householder(Index dim, Index mirrors, Rng& rng);

  const char* name() const override { return "Householder"; }
  Index dim() const override { return normals_.value().shape()[1]; }
  void visit(const Visitor& visitor) override { visitor("normals", normals_); }

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;
  Var mirrored(const Var& x, Index mirror) const;

  Parameter normals_;  // (mirrors, D)
};

}  // namespace gradflow
