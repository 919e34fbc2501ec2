// gemm: a matrix product on memory, with a bias and an activation done on the way.
//
// The one idea: one function in front, and behind it files that can be exchanged. Nearly all
// products go to our own one for small matrices (gemm_small.cpp), whose bits are the same on all
// processors. Large ones go to a library if there is one (gemm_blas.cpp or gemm_none.cpp: CMake
// takes one, GRADFLOW_BLAS says which) and it is not forbidden (arithmetic.h). Another library, or
// a graphics card, is another file of that kind.
//
// Read next: gemm.cpp.
#pragma once

#include <string>

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
  enum class Kind {       // v: the product with its bias
    none,                 // y = v
    leaky_relu,           // y = v where v > 0, else slope v
    leaky_relu_gradient,  // y = v where h > 0, else slope v: the derivative, h being the activation
    times                 // y = v h
  };
  Kind kind = Kind::none;   // which of them
  real slope = 0;           // for those of leaky_relu
  const real* h = nullptr;  // (m, n), dense, for the last two
};

// What is added to the product: nothing, one number for each column, or one for each row.
struct Bias {
  enum class Kind { none, per_column, per_row };  // how many numbers there are
  Kind kind = Kind::none;                         // which of them
  const real* data = nullptr;                     // (n) or (m)
};

namespace kernel {

// C (m, n) = epilogue(A (m, k) B (k, n) + bias), C dense and row-major. One step of each view must
// be 1. Sums over more than kLongestSum terms are put together from parts of that length, in the
// wider type (see real.h): a weight's gradient may be a sum over a million points.
void gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, const Bias& bias,
          real* C, const Epilogue& epilogue = {});
constexpr Index kLongestSum = 1024;

}  // namespace kernel

// The sum of each row of x (rows, columns), row-major.
void sum_rows(const real* x, Index rows, Index columns, real* sums);

// The library for large products.
struct BlasInfo {
  std::string config;   // its name, version and options, in its own words; empty: there is none
  std::string core;     // the processor it has recognised, e.g. "SkylakeX"
  std::string fitting;  // the one that it should have: OPENBLAS_CORETYPE makes it so
  bool openmp = false;  // whether its threads are OpenMP's
};
BlasInfo blas_info();  // without a library: of none

// The name of a core that fits this processor: the one that the library has recognised, unless it
// takes a processor with AVX2 for one without.
std::string fitting_core(const std::string& core, bool has_avx2, bool has_avx512);

// What to say to a user whose library takes the processor for one without AVX2, though it has that;
// empty if nothing is wrong. It is said once, on the error stream, when the library is first used.
std::string blas_advice(const std::string& core, bool has_avx2, bool has_avx512);

}  // namespace gradflow
