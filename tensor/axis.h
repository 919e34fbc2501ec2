// A shape seen from one of its axes: everything before it, itself, everything after it.
//
// The one idea: an operation along an axis of a dense row-major tensor needs no more than three
// numbers. Element (o, i, k) of the (outer, n, inner) view lies at (o * n + i) * inner + k.
#pragma once

#include "tensor/shape.h"

namespace gradflow {

struct AxisSplit {  // the shape (outer, n, inner)
  Index outer = 1;  // the product of the sizes before the axis
  Index n = 1;      // its own size
  Index inner = 1;  // the product of the sizes after it
};

// `shape` seen from `axis`, which must be one of its own, not negative.
inline AxisSplit split_at(const Shape& shape, int axis) {
  AxisSplit split;
  for (int i = 0; i < axis; ++i) split.outer *= shape[i];
  split.n = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) split.inner *= shape[i];
  return split;
}

}  // namespace gradflow
