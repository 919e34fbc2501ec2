// Matrix products of tensors. How they are computed is told in kernels/gemm.h.
//
// Read next: random.h.
#pragma once

#include "tensor/kernels/gemm.h"
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

}  // namespace kernel
}  // namespace gradflow
