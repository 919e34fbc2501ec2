// A matrix product for small matrices, with bias and activation done on the way.
//
// Library BLAS is built for large matrices: at 128 x 8 x 8, the size of a small network's layer, it
// spends most of its time on set-up, and what a layer does besides (bias, activation) takes passes
// of its own over memory. This one has no set-up and does both while the results are in registers.
// gemm() in matmul.h takes one or the other; the plain triple loop that says what both compute
// stands in tests/tensor/test_matmul.cpp.
#pragma once

#include "tensor/real.h"

namespace gradflow {

// How a (rows, columns) matrix lies in memory: element (i, j) is at data[i * row_step +
// j * column_step]. A transposed matrix is the same memory with the steps exchanged.
struct MatrixView {
  const real* data;   // element (0, 0)
  Index row_step;     // from (i, j) to (i + 1, j)
  Index column_step;  // from (i, j) to (i, j + 1)
};

// What happens to each element of the product before it is stored.
struct Epilogue {
  enum class Kind {      // v: the product with its bias
    none,                // y = v
    leaky_relu,          // y = v where v > 0, else slope v
    leaky_relu_gradient  // y = v where h > 0, else slope v: the derivative, h being the activation
  };
  Kind kind = Kind::none;   // which of them
  real slope = 0;           // for both
  const real* h = nullptr;  // (m, n), dense, for leaky_relu_gradient
};

// What is added to the product: nothing, one number for each column, or one for each row.
struct Bias {
  enum class Kind { none, per_column, per_row };  // how many numbers there are
  Kind kind = Kind::none;                         // which of them
  const real* data = nullptr;                     // (n) or (m)
};

// C (m, n) = epilogue(A (m, k) B (k, n) + bias), C dense and row-major. False, with nothing done,
// for a product that is better left to BLAS.
bool small_gemm(Index m, Index n, Index k, MatrixView A, MatrixView B, const Bias& bias, real* C,
                const Epilogue& epilogue = {});

// Adds the bias to a product C (m, n) without one, and applies the epilogue.
void finish(Index m, Index n, const Bias& bias, const Epilogue& epilogue, real* C);

// The sum of each row of x (rows, columns), row-major.
void sum_rows(const real* x, Index rows, Index columns, real* sums);

}  // namespace gradflow
