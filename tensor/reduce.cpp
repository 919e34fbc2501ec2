#include "tensor/reduce.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "tensor/map.h"

namespace gradflow {
namespace {

// x is seen as (outer, n, inner), and one of its `outer` blocks is summed over n: out (inner) gets
// the sums divided by `count`. In `Carried`, rounded once, at the end: a float's own sum of a
// million numbers would be wrong in the third digit.
//
// Where the rows of `inner` numbers are short, several of them, side by side in memory, are added
// as if they were one: the compiler makes vectors of long rows only. In the end the parts of that
// one are added to each other, by halves.
void sum_block(const real* in, Index n, Index inner, Index count, real* out) {
  constexpr Index kShort = 64, kLongest = 512;  // numbers in a row
  if (inner == 1 && n < 8) {                    // so few that all this would take longer
    *out = static_cast<real>(std::accumulate(in, in + n, Carried{0}) / static_cast<Carried>(count));
    return;
  }
  Carried total[kLongest];
  const auto add_row = [&total](const real* row, Index width) {
#pragma omp simd
    for (Index k = 0; k < width; ++k) total[k] += row[k];
  };
  for (Index begin = 0; begin < inner; begin += kLongest) {
    const Index width = std::min(inner - begin, kLongest);
    auto together = Index(std::bit_floor(std::uint64_t(std::clamp<Index>(kShort / inner, 1, n))));
    std::fill_n(total, together * width, Carried{0});
    Index i = 0;
    for (; i + together <= n; i += together) add_row(in + i * inner + begin, together * width);
    add_row(in + i * inner + begin, (n - i) * width);
    for (; together > 1; together /= 2)
      for (Index k = 0; k < together / 2 * width; ++k) total[k] += total[together / 2 * width + k];
    for (Index k = 0; k < width; ++k)
      out[begin + k] = static_cast<real>(total[k] / static_cast<Carried>(count));
  }
}

// NaN is larger than everything: a maximum must not hide it.
real larger(real a, real b) { return a > b || a != a ? a : b; }

Shape reduced(const Shape& shape, int axis, KeepAxis keep) {
  return keep == KeepAxis::yes ? shape.with(axis, 1) : shape.without(axis);
}

// The sums along an axis, of 1 element at least, divided by `count`.
Tensor sum_over(const Tensor& x, int axis, KeepAxis keep, Index count) {
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  Tensor y(reduced(x.shape(), axis, keep));
  if (y.size() == 0) return y;
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    sum_block(x.data() + o * n * inner, n, inner, count, out + o * inner);
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
  return sum_over(x, axis, keep, 1);
}

Tensor mean(const Tensor& x, int axis, KeepAxis keep) {
  axis = nonempty_axis("mean", axis, x.shape());
  return sum_over(x, axis, keep, x.shape()[axis]);
}

Tensor max(const Tensor& x, int axis, KeepAxis keep) {
  axis = nonempty_axis("max", axis, x.shape());
  const auto [outer, n, inner_size] = split_at(x.shape(), axis);
  const Index inner = inner_size;  // clang does not let an OpenMP loop use a structured binding
  Tensor y(reduced(x.shape(), axis, keep));
  if (y.size() == 0) return y;
  real* out = y.mutable_data();
  const real* in = x.data();
  for (Index o = 0; o < outer; ++o, out += inner, in += n * inner) {
    std::copy_n(in, inner, out);
    for (Index i = 1; i < n; ++i) {
      const real* row = in + i * inner;
#pragma omp simd
      for (Index k = 0; k < inner; ++k) out[k] = larger(out[k], row[k]);
    }
  }
  return y;
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
