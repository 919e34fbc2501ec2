// Matrix products: the one place that knows BLAS.
#pragma once

#include "tensor/kernels/small_gemm.h"
#include "tensor/tensor.h"

namespace gradflow {

enum class Trans { no, yes };  // whether a matrix enters a product transposed

namespace kernel {

// op(A) op(B), where op transposes if asked to; (m, k) and (k, n) give (m, n).
// Throws ShapeError unless both have rank 2 and the inner sizes agree.
Tensor matmul(const Tensor& A, const Tensor& B, Trans trans_a = Trans::no,
              Trans trans_b = Trans::no);

// y = x W^T + b:   x (B, in)   W (out, in)   b (out)   ->   y (B, out)
// Throws ShapeError for other shapes.
Tensor affine(const Tensor& x, const Tensor& W, const Tensor& b);

// The general form behind both, on memory, for operations that fuse several steps:
// C (m, n) = epilogue(A (m, k) B (k, n) + bias). One step of each view must be 1.
void gemm(Index m, Index n, Index k, MatrixView A, MatrixView B, const Bias& bias, real* C,
          const Epilogue& epilogue = {});

}  // namespace kernel
}  // namespace gradflow
