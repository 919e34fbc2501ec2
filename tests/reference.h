// Reference: the plain way to compute with arrays, for the tests to compare with.
//
// The one idea: no steps, no merged axes, no vectors. A position is four indices, an element is
// found by multiplying them out, and everything is computed in double by a function of the
// position. It is slow, and short enough to be believed.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

using Position = std::array<Index, Shape::kMaxRank>;  // entries from the rank on are not used

struct Reference {
  Shape shape;
  std::vector<double> values;

  double& operator[](const Position& p) { return values[offset(p)]; }
  double operator[](const Position& p) const { return values[offset(p)]; }

 private:
  std::size_t offset(const Position& p) const {
    Index offset = 0;
    for (int axis = 0; axis < shape.rank(); ++axis)
      offset = offset * shape[axis] + p[static_cast<std::size_t>(axis)];
    return static_cast<std::size_t>(offset);
  }
};

// Calls f for every position of a shape, in row-major order.
template <class F>
void for_each_position(const Shape& shape, const F& f) {
  for (Index i = 0; i < shape.size(); ++i) {
    Position p{};
    Index rest = i;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      p[static_cast<std::size_t>(axis)] = rest % shape[axis];
      rest /= shape[axis];
    }
    f(p);
  }
}

// The array whose element at each position is f(position).
template <class F>
Reference reference(const Shape& shape, const F& f) {
  Reference result{shape, {}};
  for_each_position(shape, [&](const Position& p) { result.values.push_back(f(p)); });
  return result;
}

inline Reference reference(const Tensor& x) {
  return {x.shape(), {x.values().begin(), x.values().end()}};
}

// The element of x that broadcasting repeats at position p of a result of rank `rank`: the shapes
// are lined up at their last axes, and on an axis of size 1 there is only index 0.
inline double broadcast_at(const Reference& x, const Position& p, int rank) {
  Position q{};
  const auto shift = static_cast<std::size_t>(rank - x.shape.rank());
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    q[at] = x.shape[axis] == 1 ? 0 : p[at + shift];
  }
  return x[q];
}

// p with the index on one axis replaced.
inline Position with(Position p, int axis, Index i) {
  p[static_cast<std::size_t>(axis)] = i;
  return p;
}

// p with an index put in before `axis`: the position in x of an element that a reduction over
// `axis` has folded into position p.
inline Position inserted(const Position& p, int axis, Index i) {
  Position q{};
  for (int k = 0; k < Shape::kMaxRank; ++k)
    q[static_cast<std::size_t>(k)] = k == axis ? i : p[static_cast<std::size_t>(k - (k > axis))];
  return q;
}

// log(1 + e^x), which overflows nowhere.
inline double plain_softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace gradflow
