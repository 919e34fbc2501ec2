#include "flows/linear/rotation.h"

#include <cmath>

namespace gradflow {
namespace {

Tensor identity(Index dim) {
  Tensor I = zeros({dim, dim});
  for (Index i = 0; i < dim; ++i) I.mutable_data()[i * (dim + 1)] = 1;
  return I;
}

// e^A = (e^X)^(2^n) with X = A / 2^n so small, |X| < 1/2, that 14 terms of the series
//   I + X (I + X/2 (I + X/3 (...)))
// are all that a double can hold.
Var exponential(const Var& A) {
  const real size = norm(A).item();
  const int n = size > 0 && std::isfinite(size) ? std::max(0, std::ilogb(size) + 2) : 0;
  const Var X = A * std::ldexp(real(1), -n), I = identity(A.rows());
  Var power = I;
  for (int k = 14; k >= 1; --k) power = I + matmul(X, power) / real(k);
  for (int k = 0; k < n; ++k) power = matmul(power, power);
  return power;
}

}  // namespace

Rotation::Rotation(Index dim) : dim_(dim) {
  require(dim >= 2, "Rotation: {} coordinates given; at least 2", dim);
  for (Index i = 0; i < dim; ++i)
    for (Index j = i + 1; j < dim; ++j) {
      above_.push_back(i * dim + j);
      below_.push_back(j * dim + i);
    }
  angles_ = zeros(Shape{dim * (dim - 1) / 2});
}

Var Rotation::matrix() const {
  const Index all = dim_ * dim_;
  const Var A = scatter_add(angles_, above_, all) - scatter_add(angles_, below_, all);
  return exponential(reshape(A, {dim_, dim_}));
}

// z = Q x for rows x: z = x Q^T. In the plane z_0 = x_0 cos a + x_1 sin a.
Mapped Rotation::map_to_latent(const Var& x, const Var&, LogDet) const {
  return {matmul(x, matrix(), Trans::no, Trans::yes)};
}

Mapped Rotation::map_to_data(const Var& z, const Var&, LogDet) const {
  return {matmul(z, matrix())};
}

}  // namespace gradflow
