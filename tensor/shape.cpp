#include "tensor/shape.h"

#include <algorithm>
#include <utility>

namespace gradflow {

void Shape::refuse_rank(const char* op, std::size_t rank) {
  throw ShapeError(fmt::format("{}: {} axes given; at most {} are supported", op, rank, kMaxRank));
}

void Shape::check_unusual(const char* op) const {
  require(std::all_of(begin(), end(), [](Index size) { return size >= 0; }),
          "{}: {} given; sizes are 0 or more", op, *this);
  Index product = 1;
  bool fits = true;
  for (const Index size : *this)
    fits &= !__builtin_mul_overflow(product, std::max<Index>(size, 1), &product);
  require(fits && product <= Index{1} << 58, "{}: {} given; more elements than any memory can hold",
          op, *this);
}

Shape Shape::with(int axis, Index size, const char* op) const {
  Shape result = *this;
  result.sizes_[static_cast<std::size_t>(axis)] = size;
  if (is_unusual(sizes_[0] | sizes_[1] | sizes_[2] | sizes_[3] | size)) result.check_unusual(op);
  return result;
}

Shape Shape::exchanged(int axis_a, int axis_b) const {
  Shape result = *this;
  std::swap(result.sizes_[static_cast<std::size_t>(axis_a)],
            result.sizes_[static_cast<std::size_t>(axis_b)]);
  return result;
}

Shape Shape::without(int axis) const {
  Shape result;
  for (int i = 0; i < rank_; ++i)
    if (i != axis) result.append((*this)[i]);
  return result;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (const Index size : shape) text += fmt::format("{}{}", text.size() > 1 ? ", " : "", size);
  return text + ")";
}

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int shift = longer.rank() - shorter.rank();
  Shape result = longer;
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    const Index m = longer[axis + shift];
    const Index n = shorter[axis];
    require(m == n || m == 1 || n == 1,
            "{}: {} and {} given; sizes must agree from the last axis on, or be 1", op, a, b);
    if (m == 1) result = result.with(axis + shift, n, op);
  }
  return result;
}

AxisSplit split_at(const Shape& shape, int axis) {
  AxisSplit split;
  for (int i = 0; i < axis; ++i) split.outer *= shape[i];
  split.n = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) split.inner *= shape[i];
  return split;
}

int checked_axis(const char* op, int axis, const Shape& shape) {
  const int rank = shape.rank();
  require(-rank <= axis && axis < rank, "{}: axis {} of a tensor of shape {} given; it has {} axes",
          op, axis, shape, rank);
  return axis < 0 ? axis + rank : axis;
}

}  // namespace gradflow
