#include "tensor/shape.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensor/error.h"

namespace gradflow {

Shape::Shape(std::initializer_list<Index> sizes) {
  if (sizes.size() > kMaxRank)
    throw ShapeError(
        fmt::format("Shape: {} axes given; at most {} are supported", sizes.size(), kMaxRank));
  for (const Index size : sizes) {
    if (size < 0) throw ShapeError(fmt::format("Shape: size {} given; sizes are 0 or more", size));
    sizes_[static_cast<std::size_t>(rank_++)] = size;
  }
}

Index Shape::size() const {
  Index product = 1;
  for (int axis = 0; axis < rank_; ++axis) product *= (*this)[axis];
  return product;
}

Shape Shape::with(int axis, Index size) const {
  Shape result = *this;
  result.sizes_[static_cast<std::size_t>(axis)] = size;
  return result;
}

Shape Shape::without(int axis) const {
  Shape result;
  for (int i = 0; i < rank_; ++i)
    if (i != axis) result.sizes_[static_cast<std::size_t>(result.rank_++)] = (*this)[i];
  return result;
}

Shape Shape::inserted(int axis, Index size) const {
  if (rank_ == kMaxRank)
    throw ShapeError(
        fmt::format("Shape: another axis beside those of {} asked for; at most {} axes",
                    to_string(*this), kMaxRank));
  Shape result;
  for (int i = 0; i <= rank_; ++i) {
    if (i == axis) result.sizes_[static_cast<std::size_t>(result.rank_++)] = size;
    if (i < rank_) result.sizes_[static_cast<std::size_t>(result.rank_++)] = (*this)[i];
  }
  return result;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis)
    text += fmt::format("{}{}", axis == 0 ? "" : ", ", shape[axis]);
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
    if (m != n && m != 1 && n != 1)
      throw ShapeError(
          fmt::format("{}: {} and {} given; sizes must agree from the last axis on, or be 1", op,
                      to_string(a), to_string(b)));
    if (m == 1) result = result.with(axis + shift, n);
  }
  return result;
}

int checked_axis(const char* op, int axis, const Shape& shape) {
  const int rank = shape.rank();
  if (axis < -rank || axis >= rank)
    throw ShapeError(fmt::format("{}: axis {} of a tensor of shape {} given; it has {} axes", op,
                                 axis, to_string(shape), rank));
  return axis < 0 ? axis + rank : axis;
}

}  // namespace gradflow
