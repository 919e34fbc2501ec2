// Lu: a linear map that can be undone, z = L U x + c: a product of two triangular ones.
//   Kingma and Dhariwal, "Glow: generative flow with invertible 1x1 convolutions" (2018),
//   section 3.2.
//
// The one idea: of a triangular matrix the determinant is the product of its diagonal, and a system
// of equations is solved by substitution, D^2 steps for a point. So a mixture of all coordinates,
// that a permutation can only choose from, costs no more than one product with a matrix.
//
// L has ones on its diagonal, U numbers above 0. Not every matrix is such a product (a permutation
// is not), and it begins as the identity, which is no mixture at all; so recipes put a permutation
// beside it (recipes.cpp).
//
// The way back is exact, but as inaccurate as L and U are close to singular: with a diagonal of
// 1e-3 it magnifies roundings a thousand times.
#pragma once

#include "flows/bijection.h"

namespace gradflow {

class Lu final : public Bijection {
 public:
  explicit Lu(Index dim);  // throws ShapeError for less than one coordinate

  const char* name() const override { return "Lu"; }
  Index dim() const override { return shift_.value().size(); }
  void visit(const Visitor& visitor) override;  // "matrix", "shift"

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;
  Var diagonal() const;  // (D): that of U

  // (D, D): L below the diagonal, U above it, and on it the raw numbers of U's.
  Parameter matrix_;
  Parameter shift_;                  // (D): c
  Tensor below_, identity_, above_;  // (D, D): 1 in this part of a matrix, else 0
};

}  // namespace gradflow
