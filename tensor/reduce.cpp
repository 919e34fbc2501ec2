#include "tensor/reduce.h"

#include <algorithm>

#include "tensor/map.h"

namespace gradflow {
namespace {

// A long float sum loses digits as it grows, so it is taken in blocks: each block in vector
// registers, the blocks' sums in double.
real sum_of(const real* x, Index n) {
  constexpr Index kBlock = 1024;
  double total = 0;
  for (Index begin = 0; begin < n; begin += kBlock) {
    const Index end = std::min(n, begin + kBlock);
    real block = 0;
#pragma omp simd reduction(+ : block)
    for (Index i = begin; i < end; ++i) block += x[i];
    total += block;
  }
  return static_cast<real>(total);
}

// NaN is larger than everything: a maximum must not hide it.
real larger(real a, real b) { return a > b || a != a ? a : b; }

real max_of(const real* x, Index n) {
  real result = x[0];
  for (Index i = 1; i < n; ++i) result = larger(result, x[i]);
  return result;
}

Shape reduced(const Shape& shape, int axis, KeepAxis keep) {
  return keep == KeepAxis::yes ? shape.with(axis, 1) : shape.without(axis);
}

// Folds the middle axis of the (outer, n, inner) view. `fold_run` reduces a contiguous run to one
// number (used when inner is 1); `fold` joins two numbers. n must be 1 or more.
template <class FoldRun, class Fold>
Tensor reduce(const Tensor& x, int axis, KeepAxis keep, FoldRun fold_run, Fold fold) {
  const auto [outer, n, inner_size] = split_at(x.shape(), axis);
  const Index inner = inner_size;  // clang does not let an OpenMP loop use a structured binding
  Tensor y(reduced(x.shape(), axis, keep));
  real* out = y.mutable_data();
  const real* in = x.data();
  for (Index o = 0; o < outer; ++o, out += inner, in += n * inner) {
    if (inner == 1) {
      *out = fold_run(in, n);
      continue;
    }
    std::copy_n(in, inner, out);
    for (Index i = 1; i < n; ++i) {
      const real* row = in + i * inner;
#pragma omp simd
      for (Index k = 0; k < inner; ++k) out[k] = fold(out[k], row[k]);
    }
  }
  return y;
}

}  // namespace

int nonempty_axis(const char* op, int axis, const Shape& shape) {
  axis = checked_axis(op, axis, shape);
  require(shape[axis] > 0, "{}: shape {} given; at least one element is required", op, shape);
  return axis;
}

namespace kernel {

Tensor sum(const Tensor& x, int axis, KeepAxis keep) {
  axis = checked_axis("sum", axis, x.shape());
  if (x.shape()[axis] == 0) return zeros(reduced(x.shape(), axis, keep));
  if (x.shape()[axis] == 1) return x.reshaped(reduced(x.shape(), axis, keep));
  return reduce(x, axis, keep, sum_of, [](real a, real b) { return a + b; });
}

Tensor max(const Tensor& x, int axis, KeepAxis keep) {
  return reduce(x, nonempty_axis("max", axis, x.shape()), keep, max_of, larger);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("sum_to", x.shape(), shape) == x.shape(),
          "sum_to: {} to {} given; the second must broadcast to the first", x.shape(), shape);
  if (shape.size() == 1) return sum(x.reshaped(Shape{x.size()}), 0).reshaped(shape);
  Tensor y = x;
  while (y.rank() > shape.rank()) y = sum(y, 0);
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] == 1 && y.shape()[axis] != 1) y = sum(y, axis, KeepAxis::yes);
  return y;
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("broadcast_to", x.shape(), shape) == shape,
          "broadcast_to: {} to {} given; the first must broadcast to the second", x.shape(), shape);
  return map("broadcast_to", x, zeros(shape), [](real v, real) { return v; });
}

}  // namespace kernel
}  // namespace gradflow
