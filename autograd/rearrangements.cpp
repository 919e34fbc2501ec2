// Operations that move elements, each with its rule: the derivative moves them back (ops.cpp says
// how to read an entry).

#include "autograd/rearrangements.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops.h"

namespace gradflow {

// y = x under another shape          dx = dy under x's shape
Var reshape(const Var& x, const WantedShape& shape) {
  return record("reshape", x.value().reshaped(shape.of("reshape")),
                wrt(x, [from = x.shape()](const Var& dy) { return reshape(dy, from); }));
}

// y = x with two axes exchanged      dx = dy with the same two exchanged
Var transpose(const Var& x, int a, int b) {
  return record("transpose", kernel::transpose(x.value(), a, b),
                wrt(x, [a, b](const Var& dy) { return transpose(dy, a, b); }));
}

// y = positions begin .. end-1 of x along an axis            dx = dy there, zeros elsewhere
Var slice(const Var& x, int axis, Index begin, Index end) {
  return record("slice", kernel::slice(x.value(), axis, begin, end),
                wrt(x, [axis, begin, shape = x.shape()](const Var& dy) {
                  return pad(dy, axis, begin, shape[checked_axis("slice", axis, shape)]);
                }));
}

// a, b = positions 0 .. at-1 of x along an axis, and the others       dx = da and db, joined again
std::array<Var, 2> split(const Var& x, int axis, Index at) {
  const Index n = x.shape()[checked_axis("split", axis, x.shape())];
  require(0 <= at && at <= n, "split: at {} on axis {} of shape {} given", at, axis, x.shape());
  return record_fused(
      "split",
      std::array{kernel::slice(x.value(), axis, 0, at), kernel::slice(x.value(), axis, at, n)},
      std::array{x},
      [=](const std::array<Var, 1>& of) {
        return std::array{slice(of[0], axis, 0, at), slice(of[0], axis, at, n)};
      },
      [=](const std::array<Tensor, 2>& dy, const std::array<bool, 1>&) {
        return std::array{kernel::concat(dy, axis)};
      });
}

// y = x at positions begin .. of an axis of `size`, zeros elsewhere          dx = dy there
Var pad(const Var& x, int axis, Index begin, Index size) {
  return record("pad", kernel::pad(x.value(), axis, begin, size),
                wrt(x, [axis, begin, shape = x.shape()](const Var& dy) {
                  const Index n = shape[checked_axis("pad", axis, shape)];
                  return slice(dy, axis, begin, begin + n);
                }));
}

// y = the parts one after another along an axis      d(part) = the part's positions of dy
Var concat(const std::vector<Var>& parts, int axis) {
  std::vector<Tensor> values;
  std::vector<Index> begins{0};  // of each part in y, and the end of the last
  for (const Var& part : parts) {
    values.push_back(part.value());
    begins.push_back(begins.back() + part.shape()[checked_axis("concat", axis, part.shape())]);
  }
  return record("concat", kernel::concat(values, axis), parts,
                [axis, begins](const Var& dy, std::size_t k) {
                  return slice(dy, axis, begins[k], begins[k + 1]);
                });
}

// y[.., i, ..] = x[.., indices[i], ..]       dx[.., indices[i], ..] += dy[.., i, ..]
Var gather(const Var& x, const std::vector<Index>& indices, int axis) {
  return record("gather", kernel::gather(x.value(), indices, axis),
                wrt(x, [axis, shape = x.shape(), indices](const Var& dy) {
                  return scatter_add(dy, indices, shape[checked_axis("gather", axis, shape)], axis);
                }));
}

// y[.., indices[i], ..] += x[.., i, ..]      dx[.., i, ..] = dy[.., indices[i], ..]
Var scatter_add(const Var& x, const std::vector<Index>& indices, Index size, int axis) {
  return record("scatter_add", kernel::scatter_add(x.value(), indices, size, axis),
                wrt(x, [axis, indices](const Var& dy) { return gather(dy, indices, axis); }));
}

namespace {

// Visits the elements of an index (.., m, ..) for an axis of size n: visit(j, at), where element j
// of the index means element `at` of a tensor (.., n, ..). Throws ShapeError, naming `op`, for what
// is no position.
template <class F>
void for_each_taken(const char* op, const Tensor& index, int axis, Index n, const F& visit) {
  const auto [outer, m, inner] = split_at(index.shape(), axis);
  Index j = 0;
  for (Index o = 0; o < outer; ++o)
    for (Index i = 0; i < m; ++i)
      for (Index k = 0; k < inner; ++k, ++j) {
        const real position = index.data()[j];
        require(position >= 0 && position < real(n) && position == std::floor(position),
                "{}: index {} given; whole numbers from 0 to {} are required", op, position, n - 1);
        visit(j, (o * n + static_cast<Index>(position)) * inner + k);
      }
}

Tensor taken(const Tensor& x, const Tensor& index, int axis) {
  Tensor y(index.shape());
  real* const out = y.mutable_data();
  for_each_taken("take_along", index, axis, x.shape()[axis],
                 [&](Index j, Index at) { out[j] = x.data()[at]; });
  return y;
}

Tensor added(const Tensor& x, const Tensor& index, Index size, int axis) {
  const Shape shape = x.shape().with(axis, size, "add_along");
  std::vector<Carried> sums(static_cast<std::size_t>(shape.size()), 0);  // as for any sum
  for_each_taken("add_along", index, axis, size,
                 [&](Index j, Index at) { sums[static_cast<std::size_t>(at)] += x.data()[j]; });
  Tensor y(shape);
  std::transform(sums.begin(), sums.end(), y.mutable_data(), [](Carried v) { return real(v); });
  return y;
}

}  // namespace

// y[.., i, ..] = x[.., index[.., i, ..], ..]      dx[.., index[.., i, ..], ..] += dy[.., i, ..]
//       x (.., n, ..)   index, y (.., m, ..): numpy's take_along_axis
Var take_along(const Var& x, const Tensor& index, int axis) {
  axis = checked_axis("take_along", axis, x.shape());
  const Index n = x.shape()[axis];
  require(index.rank() == x.shape().rank() && index.shape().with(axis, n) == x.shape(),
          "take_along: an index {} for {} given; all axes but axis {} must agree", index.shape(),
          x.shape(), axis);
  return record("take_along", taken(x.value(), index, axis),
                wrt(x, [=](const Var& dy) { return add_along(dy, index, n, axis); }));
}

// y[.., index[.., i, ..], ..] += x[.., i, ..]     dx[.., i, ..] = dy[.., index[.., i, ..], ..]
//       x, index (.., m, ..)   y (.., size, ..)
Var add_along(const Var& x, const Tensor& index, Index size, int axis) {
  axis = checked_axis("add_along", axis, x.shape());
  require(index.shape() == x.shape(), "add_along: an index {} for {} given; the shapes must agree",
          index.shape(), x.shape());
  require(size >= 0, "add_along: size {} given; 0 or more", size);
  return record("add_along", added(x.value(), index, size, axis),
                wrt(x, [=](const Var& dy) { return take_along(dy, index, axis); }));
}

// y = x repeated to a shape          dx = dy summed over the repeated axes
Var broadcast_to(const Var& x, const WantedShape& shape) {
  return record("broadcast_to", kernel::broadcast_to(x.value(), shape.of("broadcast_to")),
                wrt(x, [](const Var& dy) { return dy; }));
}

// y = x summed to a shape from which it was repeated         dx = dy repeated
Var sum_to(const Var& x, const WantedShape& shape) {
  return record("sum_to", kernel::sum_to(x.value(), shape.of("sum_to")),
                wrt(x, [from = x.shape()](const Var& dy) { return broadcast_to(dy, from); }));
}

}  // namespace gradflow
