#include "tensor/matmul.h"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "tensor/error.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

int blas_size(Index n) {
  require(n <= std::numeric_limits<int>::max(),
          "matmul: a size of {} given; BLAS takes less than 2^31", n);
  return static_cast<int>(n);
}

// A template only so that the call for the other precision is not compiled.
template <class Real>
void blas_gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const Real* A, int lda,
               const Real* B, int ldb, Real* C) {
  if constexpr (sizeof(Real) == sizeof(float))
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, A, lda, B, ldb, 0, C, std::max(n, 1));
  else
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, A, lda, B, ldb, 0, C, std::max(n, 1));
}

// BLAS wants rows (or, transposed, columns) that are contiguous, and their distance: at least their
// length, even where there is only one.
CBLAS_TRANSPOSE blas_trans(MatrixView v) { return v.column_step == 1 ? CblasNoTrans : CblasTrans; }
int blas_distance(MatrixView v, Index rows, Index columns) {
  return blas_size(v.column_step == 1 ? std::max({v.row_step, columns, Index{1}})
                                      : std::max({v.column_step, rows, Index{1}}));
}

MatrixView view(const Tensor& x, Trans trans) {
  const Index width = x.shape()[1];
  return trans == Trans::no ? MatrixView{x.data(), width, 1} : MatrixView{x.data(), 1, width};
}

}  // namespace

namespace kernel {

void gemm(Index m, Index n, Index k, MatrixView A, MatrixView B, const Bias& bias, real* C,
          const Epilogue& epilogue) {
  if (small_gemm(m, n, k, A, B, bias, C, epilogue)) return;
  threads();  // BLAS must find OpenMP set up as parallel.h says
  blas_gemm<real>(blas_trans(A), blas_trans(B), blas_size(m), blas_size(n), blas_size(k), A.data,
                  blas_distance(A, m, k), B.data, blas_distance(B, k, n), C);
  finish(m, n, bias, epilogue, C);
}

Tensor matmul(const Tensor& A, const Tensor& B, Trans trans_a, Trans trans_b) {
  const auto mark = [](Trans t) { return t == Trans::yes ? "^T" : ""; };
  const int inner_a = trans_a == Trans::no ? 1 : 0, inner_b = trans_b == Trans::no ? 0 : 1;
  require(A.rank() == 2 && B.rank() == 2 && A.shape()[inner_a] == B.shape()[inner_b],
          "matmul: {}{} and {}{} given; (m, k) and (k, n) are required", A.shape(), mark(trans_a),
          B.shape(), mark(trans_b));
  Tensor C({A.shape()[1 - inner_a], B.shape()[1 - inner_b]});
  gemm(C.shape()[0], C.shape()[1], A.shape()[inner_a], view(A, trans_a), view(B, trans_b), {},
       C.mutable_data());
  return C;
}

Tensor affine(const Tensor& x, const Tensor& W, const Tensor& b) {
  require(x.rank() == 2 && W.rank() == 2 && x.shape()[1] == W.shape()[1],
          "linear: x {} and W {} given; x (B, in) and W (out, in) are required", x.shape(),
          W.shape());
  require(b.shape() == Shape{W.shape()[0]}, "linear: b {} given for W {}; b ({}) is required",
          b.shape(), W.shape(), W.shape()[0]);
  Tensor y({x.shape()[0], W.shape()[0]});
  gemm(y.shape()[0], y.shape()[1], x.shape()[1], view(x, Trans::no), view(W, Trans::yes),
       {Bias::Kind::per_column, b.data()}, y.mutable_data());
  return y;
}

}  // namespace kernel
}  // namespace gradflow
