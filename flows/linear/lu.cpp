#include "flows/linear/lu.h"

namespace gradflow {
namespace {

constexpr real kLeast = real(1e-3);               // on U's diagonal
constexpr real kOne = real(0.53974241723695208);  // softplus(kOne) + kLeast = 1

// (D, D): 1 where row - column has this sign.
Tensor part(Index dim, int sign) {
  Tensor mask({dim, dim});
  real* at = mask.mutable_data();
  for (Index i = 0; i < dim; ++i)
    for (Index j = 0; j < dim; ++j) *at++ = real((i > j) - (i < j) == sign);
  return mask;
}

}  // namespace

Lu::Lu(Index dim) {
  require(dim >= 1, "Lu: {} coordinates given; at least 1", dim);
  matrix_ = zeros({dim, dim});
  shift_ = zeros(Shape{dim});
  below_ = part(dim, 1), identity_ = part(dim, 0), above_ = part(dim, -1);
}

Var Lu::diagonal() const { return softplus(sum(matrix_ * identity_, 1) + kOne) + kLeast; }

// z = L U x + c, for rows x: z = x U^T L^T + c        log_det = sum of log u_ii, at every point
Mapped Lu::map_to_latent(const Var& x, const Var&, LogDet log_det) const {
  const Var u = diagonal(), L = matrix_ * below_ + identity_, U = matrix_ * above_ + u * identity_;
  const Var z = matmul(matmul(x, U, Trans::no, Trans::yes), L, Trans::no, Trans::yes) + shift_;
  return {z, log_det == LogDet::yes ? broadcast_to(sum(log(u)), Shape{x.rows()}) : Tensor()};
}

// L y = z - c by substitution, then U x = y.
Mapped Lu::map_to_data(const Var& z, const Var&, LogDet log_det) const {
  const Var u = diagonal(), U = matrix_ * above_ + u * identity_;
  const Var y =
      solve_triangular(matrix_, transpose(z - shift_), Triangle::lower, Trans::no, Diagonal::unit);
  const Var x = transpose(solve_triangular(U, y, Triangle::upper));
  return {x, log_det == LogDet::yes ? broadcast_to(-sum(log(u)), Shape{z.rows()}) : Tensor()};
}

void Lu::visit(const Visitor& visitor) {
  visitor("matrix", matrix_);
  visitor("shift", shift_);
}

}  // namespace gradflow
