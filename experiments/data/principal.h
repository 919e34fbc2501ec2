// PrincipalComponents: points of many coordinates by the few directions in which they differ most.
//
//   c = (x - mean) axes^T   (N, k),      x' = c axes + mean   (N, D)
//
// The one idea: multiply a few directions by the covariance, make them orthonormal again, and
// repeat. Each product stretches a direction by its variance, so that the first one turns to where
// the variance is largest, the second to where it is largest at right angles to the first, and so
// on. (Orthogonal iteration; Golub and Van Loan, "Matrix computations", section 7.3.) Directions of
// nearly the same variance may stay mixed with each other: that loses next to no variance.
#pragma once

#include "tensor/random.h"

namespace gradflow {

struct PrincipalComponents {
  Tensor mean;  // (1, D)
  Tensor axes;  // (k, D): orthonormal rows, the largest variance first

  // Of points (N, D). Throws ShapeError unless k is from 1 to D, and if there are not k directions
  // in which the points differ.
  static PrincipalComponents of(const Tensor& points, Index k, Rng& rng);

  Tensor to_components(const Tensor& points) const;  // (N, D) -> (N, k)
  Tensor to_data(const Tensor& components) const;    // (N, k) -> (N, D)
};

}  // namespace gradflow
