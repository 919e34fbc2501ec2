// Operations that move elements, repeat them, or add up what was repeated. Formulas, shapes and
// derivatives are in rearrangements.cpp.
//
// They come in pairs: the derivative of one is the other (slice and pad, gather and scatter_add,
// take_along and add_along, broadcast_to and sum_to).
//
// Read next: rearrangements.cpp.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "autograd/record.h"

namespace gradflow {

// The shape that an operation is asked for: a Shape, or its sizes, as in reshape(x, {2, 3}). These
// are not checked before the operation calls of(), so that the error names the operation. For
// parameters of functions only: it refers to the sizes and does not keep them.
class WantedShape {
 public:
  // Of a Shape; of sizes, which are not checked yet.
  WantedShape(const Shape& shape) : sizes_(shape.begin(), shape.end()) {}
  WantedShape(std::initializer_list<Index> sizes) : sizes_(sizes.begin(), sizes.end()) {}
  Shape of(const char* op) const { return Shape(op, sizes_); }  // throws ShapeError, naming `op`

 private:
  std::span<const Index> sizes_;
};

Var reshape(const Var& x, const WantedShape& shape);
Var transpose(const Var& x, int axis_a = 0, int axis_b = 1);
Var slice(const Var& x, int axis, Index begin, Index end);
std::array<Var, 2> split(const Var& x, int axis, Index at);  // before `at`, and from there on
Var pad(const Var& x, int axis, Index begin, Index size);
Var concat(const std::vector<Var>& parts, int axis);
// The same positions of every row; and their reverse.
Var gather(const Var& x, const std::vector<Index>& indices, int axis = 0);
Var scatter_add(const Var& x, const std::vector<Index>& indices, Index size, int axis = 0);
// Other positions in each row: the index is a tensor of whole numbers, of x's shape but for the
// size of the axis. It is data, nothing flows into it. (A float holds whole numbers to 2^24.)
Var take_along(const Var& x, const Tensor& index, int axis);
Var add_along(const Var& x, const Tensor& index, Index size, int axis);
Var broadcast_to(const Var& x, const WantedShape& shape);
Var sum_to(const Var& x, const WantedShape& shape);

}  // namespace gradflow
