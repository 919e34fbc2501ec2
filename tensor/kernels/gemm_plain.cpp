// Large products without a library: the definition, row by row. The innermost loop goes along rows
// of B and C, so that it is one for vectors where B's numbers lie side by side.

#include <algorithm>

#include "tensor/kernels/gemm_parts.h"

namespace gradflow {

// C_ij = sum over p of A_ip B_pj
void large_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, real* C) {
  for (Index i = 0; i < m; ++i) {
    real* const row = C + i * n;
    std::fill_n(row, n, real{0});
    for (Index p = 0; p < k; ++p) {
      const real a = A.data[i * A.row_step + p * A.column_step];
      const real* const b = B.data + p * B.row_step;
#pragma omp simd
      for (Index j = 0; j < n; ++j) row[j] += a * b[j * B.column_step];
    }
  }
}

BlasInfo blas_info() { return {}; }

}  // namespace gradflow
