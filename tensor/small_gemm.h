// A matrix product for small and narrow matrices, with the bias added on the way.
//
// Library BLAS is built for large matrices: at 128 x 8 x 8, the size of a small network's layer, it
// spends most of its time on set-up. This one has no set-up. matmul.cpp chooses between the two;
// the plain triple loop that says what both compute stands in tests/test_matmul.cpp.
#pragma once

#include "tensor/real.h"

namespace gradflow {

// How an (rows, columns) matrix lies in memory: element (i, j) is at data[i * row_step +
// j * column_step]. A transposed matrix is the same memory with the steps exchanged.
struct MatrixView {
  const real* data;
  Index row_step;
  Index column_step;
};

// C (m, n) = A (m, k) B (k, n) + bias, C dense and row-major, bias (n) added to each row or null.
void small_gemm(Index m, Index n, Index k, MatrixView A, MatrixView B, const real* bias, real* C);

}  // namespace gradflow
