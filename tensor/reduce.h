// Reductions: sums, means and maxima along an axis. (The rest is made of them in
// autograd/reductions.cpp.)
//
// The one idea: a sum is carried in a wider type than its numbers have, and rounded once, at its
// end. So a sum of floats is exact up to that rounding, along any axis and however long, and the
// mean of equal floats is that float. It is taken in one fixed order: the same bits in every run,
// whatever the number of threads and the width of the processor's vectors.
//
// Read next: matmul.h.
#pragma once

#include "tensor/tensor.h"

namespace gradflow {

enum class KeepAxis { no, yes };  // yes: the reduced axis stays, with size 1, ready to broadcast

namespace kernel {

// Along one axis (negative: from the end), which the result no longer has. The sum of no elements
// is 0; the mean and the maximum of none throw ShapeError.
Tensor sum(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);
Tensor mean(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);
Tensor max(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);

// The adjoint of broadcasting: x summed over the axes along which `shape` was repeated.
Tensor sum_to(const Tensor& x, const Shape& shape);
// x repeated to `shape`. Throws ShapeError if x does not broadcast to exactly that.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

}  // namespace kernel

// Axis as checked_axis() gives it, of one element at least. Throws ShapeError, naming `op`.
int nonempty_axis(const char* op, int axis, const Shape& shape);

}  // namespace gradflow
