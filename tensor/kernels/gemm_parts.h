// What gemm() is put together from: ours for small products, and one for all others.
#pragma once

#include "tensor/kernels/gemm.h"

namespace gradflow {

// C (m, n) = epilogue(A (m, k) B (k, n) + bias).
void small_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B,
                const Bias& bias, real* C, const Epilogue& epilogue);

// True for a product that is better left to a library, if there is one.
bool is_large(Index m, Index n, Index k);

// C (m, n) = A (m, k) B (k, n), of any size, by the library. False, with nothing done, if there is
// none. In gemm_blas.cpp or gemm_none.cpp.
bool large_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, real* C);
// That it has been used (arithmetic.h).
void note_library();

// Adds the bias to a product C (m, n) without one, and applies the epilogue.
void finish(Index m, Index n, const Bias& bias, const Epilogue& epilogue, real* C);

}  // namespace gradflow
