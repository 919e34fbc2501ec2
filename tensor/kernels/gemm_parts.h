// What gemm() is put together from. It stands in gemm_small.cpp, as most products are small.
#pragma once

#include <algorithm>
#include <atomic>

#include "tensor/kernels/arithmetic.h"
#include "tensor/kernels/gemm.h"

namespace gradflow {

// True for a product that is better left to a library, if there is one. As long as A stays in the
// caches ours is as fast or faster: it does less before the first multiplication, and bias and
// activation on the way. BLAS also cuts A into blocks.
constexpr Index kMostOfA = 1 << 21;
inline bool is_large(Index m, Index n, Index k) {
  return m * k > kMostOfA && std::min({m, n, k}) > 16;
}

// gemm() for sums that are too long for one, in parts, and for large products, by the library.
// False, with nothing done, if the product is neither, or there is no library or it is forbidden.
bool other_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B,
                const Bias& bias, real* C, const Epilogue& epilogue);

extern std::atomic<Arithmetic> chosen_arithmetic;  // what arithmetic() says

// C (m, n) = A (m, k) B (k, n), of any size, by the library. False, with nothing done, if there is
// none. In gemm_blas.cpp or gemm_none.cpp.
bool large_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, real* C);
// That it has been used (arithmetic.h).
void note_library();

// Adds the bias to a product C (m, n) without one, and applies the epilogue.
void finish(Index m, Index n, const Bias& bias, const Epilogue& epilogue, real* C);

}  // namespace gradflow
