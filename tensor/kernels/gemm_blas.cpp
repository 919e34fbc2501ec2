// Large products by OpenBLAS: the one file that knows it.

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <mutex>

#include "tensor/error.h"
#include "tensor/kernels/gemm_parts.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

// What the compiler knows of a processor has another name on each.
bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}
bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f");
#else
  return false;
#endif
}

// Once for each thread that multiplies. A library that shares a product among threads of its own
// adds in an order that depends on their number; ours share tasks instead. threads() comes first:
// it asks OpenMP how many there may be, and afterwards the answer is one.
void prepare() {
  threads();
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  openblas_set_num_threads(1);
  static const bool said = [] {
    const std::string text = blas_advice(openblas_get_corename(), has_avx2(), has_avx512());
    if (!text.empty()) fmt::print(stderr, "{}\n", text);
    return true;
  }();
  static_cast<void>(said);
}

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

}  // namespace

bool large_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, real* C) {
  thread_local const bool prepared = (prepare(), true);
  static_cast<void>(prepared);
  blas_gemm<real>(blas_trans(A), blas_trans(B), blas_size(m), blas_size(n), blas_size(k), A.data,
                  blas_distance(A, m, k), B.data, blas_distance(B, k, n), C);
  return true;
}

BlasInfo blas_info() {
  const std::string core = openblas_get_corename();
  return {openblas_get_config(), core, fitting_core(core, has_avx2(), has_avx512()),
          openblas_get_parallel() == OPENBLAS_OPENMP};
}

}  // namespace gradflow
