#include "tensor/matmul.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/small_gemm.h"

namespace gradflow {
namespace {

int blas_size(Index n) {
  if (n > std::numeric_limits<int>::max())
    throw ShapeError(fmt::format("matmul: a size of {} given; BLAS takes less than 2^31", n));
  return static_cast<int>(n);
}

CBLAS_TRANSPOSE blas_trans(Trans t) { return t == Trans::yes ? CblasTrans : CblasNoTrans; }

// A template only so that the call for the other precision is not compiled.
template <class Real>
void blas_gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const Real* A, int lda,
               const Real* B, int ldb, Real beta, Real* C) {
  if constexpr (sizeof(Real) == sizeof(float))
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, A, lda, B, ldb, beta, C, n);
  else
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, A, lda, B, ldb, beta, C, n);
}

// Below this many multiplications the set-up of BLAS costs more than it gains; and on narrow
// results it never gets up to speed.
bool is_small(Index m, Index n, Index k) {
  return m * n * k <= 128 * 64 * 16 || std::min({m, n, k}) <= 16;
}

// op(A) (m, k) times op(B) (k, n), plus a bias (n) if not null.
Tensor gemm(const Tensor& A, Trans ta, const Tensor& B, Trans tb, const Tensor* bias) {
  const Index m = A.shape()[ta == Trans::yes], k = A.shape()[ta == Trans::no];
  const Index n = B.shape()[tb == Trans::no];
  const Index lda = A.shape()[1], ldb = B.shape()[1];
  Tensor C(Shape{m, n});
  real* out = C.mutable_data();
  if (is_small(m, n, k)) {
    const MatrixView a{A.data(), ta == Trans::yes ? 1 : lda, ta == Trans::yes ? lda : 1};
    const MatrixView b{B.data(), tb == Trans::yes ? 1 : ldb, tb == Trans::yes ? ldb : 1};
    small_gemm(m, n, k, a, b, bias ? bias->data() : nullptr, out);
    return C;
  }
  if (bias)
    for (Index i = 0; i < m; ++i) std::copy_n(bias->data(), n, out + i * n);
  threads();  // BLAS must find OpenMP set up as parallel.h says
  blas_gemm<real>(blas_trans(ta), blas_trans(tb), blas_size(m), blas_size(n), blas_size(k),
                  A.data(), blas_size(lda), B.data(), blas_size(ldb), bias ? 1 : 0, out);
  return C;
}

}  // namespace

Tensor matmul(const Tensor& A, const Tensor& B, Trans trans_a, Trans trans_b) {
  const auto described = [](const Tensor& x, Trans t) {
    return to_string(x.shape()) + (t == Trans::yes ? "^T" : "");
  };
  if (A.rank() != 2 || B.rank() != 2 ||
      A.shape()[trans_a == Trans::no] != B.shape()[trans_b == Trans::yes])
    throw ShapeError(fmt::format("matmul: {} and {} given; (m, k) and (k, n) are required",
                                 described(A, trans_a), described(B, trans_b)));
  return gemm(A, trans_a, B, trans_b, nullptr);
}

Tensor affine(const Tensor& x, const Tensor& W, const Tensor& b) {
  if (x.rank() != 2 || W.rank() != 2 || x.shape()[1] != W.shape()[1])
    throw ShapeError(
        fmt::format("linear: x {} and W {} given; x (B, in) and W (out, in) are required",
                    to_string(x.shape()), to_string(W.shape())));
  if (b.shape() != Shape{W.shape()[0]})
    throw ShapeError(fmt::format("linear: b {} given for W {}; b ({}) is required",
                                 to_string(b.shape()), to_string(W.shape()), W.shape()[0]));
  return gemm(x, Trans::no, W, Trans::yes, &b);
}

BlasInfo blas_info() {
  return {openblas_get_config(), openblas_get_corename(),
          openblas_get_parallel() == OPENBLAS_OPENMP};
}

}  // namespace gradflow
