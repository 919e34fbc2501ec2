// The rules of operations on matrices, each beside its value (ops.cpp says how to read them).

#include "autograd/linalg.h"

#include "autograd/ops.h"

namespace gradflow {

// C = A B            A (m, k)   B (k, n)   C (m, n)          dA = dC B^T      dB = A^T dC
// and, where A or B enters transposed, the transposes of these.
Var matmul(const Var& A, const Var& B, Trans ta, Trans tb) {
  const auto flipped = [](Trans t) { return t == Trans::no ? Trans::yes : Trans::no; };
  const auto dA = [=](const Var& dC) {
    return ta == Trans::no ? matmul(dC, B, Trans::no, flipped(tb)) : matmul(B, dC, tb, Trans::yes);
  };
  const auto dB = [=](const Var& dC) {
    return tb == Trans::no ? matmul(A, dC, flipped(ta), Trans::no) : matmul(dC, A, Trans::yes, ta);
  };
  return record("matmul", kernel::matmul(A.value(), B.value(), ta, tb), wrt(A, dA), wrt(B, dB));
}

// y = x W^T + b      x (B, in)   W (out, in)   b (out)   y (B, out)
//                    dx = dy W        dW = dy^T x        db = dy (summed over the batch)
Var linear(const Var& x, const Var& W, const Var& b) {
  return record("linear", kernel::affine(x.value(), W.value(), b.value()),
                wrt(x, [W](const Var& dy) { return matmul(dy, W); }),
                wrt(W, [x](const Var& dy) { return matmul(dy, x, Trans::yes); }),
                wrt(b, [](const Var& dy) { return dy; }));
}

namespace {

// X of T X = B by substitution, one row of X after another: the first has one unknown, and each
// that follows has one more, if T is lower triangular; if it is upper, from the last row up.
Tensor substituted(const Tensor& L, const Tensor& B, bool from_first, Trans trans,
                   Diagonal diagonal) {
  const Index n = B.shape()[0], m = B.shape()[1];
  const Index row = trans == Trans::no ? n : 1, column = trans == Trans::no ? 1 : n;
  Tensor X = B;
  real* const x = X.mutable_data();
  for (Index step = 0; step < n; ++step) {
    const Index i = from_first ? step : n - 1 - step;
    const real* const T_i = L.data() + i * row;
    real* const x_i = x + i * m;
    for (Index known = 0; known < step; ++known) {
      const Index j = from_first ? known : n - 1 - known;
      const real T_ij = T_i[j * column];
      for (Index k = 0; k < m; ++k) x_i[k] -= T_ij * x[j * m + k];
    }
    if (diagonal == Diagonal::given)
      for (Index k = 0; k < m; ++k) x_i[k] /= T_i[i * column];
  }
  return X;
}

// 1 where solve_triangular() reads L, else 0.
Tensor read_part(Index n, Triangle triangle, Diagonal diagonal) {
  Tensor mask(Shape{n, n});
  real* const out = mask.mutable_data();
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      out[i * n + j] =
          i == j ? diagonal == Diagonal::given : (i > j) == (triangle == Triangle::lower);
  return mask;
}

}  // namespace

// X of L X = B           L (n, n)   B (n, m)   X (n, m)
//                        dB = L^-T dX, which solves L^T dB = dX         dL = -dB X^T
// and of L^T X = B:      dB = L^-1 dX, which solves L dB = dX           dL = -X dB^T
// where dL is 0 outside the triangle that is read. (Small changes l of L, b of B and x of X keep to
// L x + l X = b, so that x = L^-1 (b - l X): M. Giles, "Collected matrix derivative results for
// forward and reverse mode AD" (2008), 2.2.3).
Var solve_triangular(const Var& L, const Var& B, Triangle triangle, Trans trans,
                     Diagonal diagonal) {
  const Shape &l = L.shape(), &b = B.shape();
  require(l.rank() == 2 && l[0] == l[1] && b.rank() == 2 && b[0] == l[0],
          "solve_triangular: L {} and B {} given; L (n, n) and B (n, m) are required", l, b);
  const Trans other = trans == Trans::no ? Trans::yes : Trans::no;
  const bool from_first = (triangle == Triangle::lower) == (trans == Trans::no);
  const auto dB = [=](const Var& dX) { return solve_triangular(L, dX, triangle, other, diagonal); };
  const auto dL = [=](const Var& dX, const Var& X) {
    const Var product = trans == Trans::no ? matmul(dB(dX), X, Trans::no, Trans::yes)
                                           : matmul(X, dB(dX), Trans::no, Trans::yes);
    return where(read_part(X.rows(), triangle, diagonal), -product, 0);
  };
  return record("solve_triangular", substituted(L.value(), B.value(), from_first, trans, diagonal),
                wrt(L, dL), wrt(B, dB));
}

}  // namespace gradflow
