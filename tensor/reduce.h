// Reductions: sums, means, maxima over one axis or over all elements.
//
// Every sum is taken in one fixed order, so the result is the same bits in every run, whatever the
// number of threads.
#pragma once

#include "tensor/tensor.h"

namespace gradflow {

enum class KeepAxis { no, yes };  // yes: the reduced axis stays, with size 1, ready to broadcast

// Over all elements; the result is a scalar of shape (). The sum of no elements is 0;
// mean, max and logsumexp of none throw ShapeError.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
Tensor max(const Tensor& x);
Tensor logsumexp(const Tensor& x);

// Along one axis (negative: from the end), which the result no longer has.
Tensor sum(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);
Tensor mean(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);
Tensor max(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);
// log sum exp(x): the largest element is taken out first, so that nothing overflows.
Tensor logsumexp(const Tensor& x, int axis, KeepAxis keep = KeepAxis::no);

// The adjoint of broadcasting: x summed over the axes along which `shape` was repeated.
Tensor sum_to(const Tensor& x, const Shape& shape);
// x repeated to `shape`. Throws ShapeError if x does not broadcast to exactly that.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

}  // namespace gradflow
