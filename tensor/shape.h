// Shape: the sizes of a tensor's axes, e.g. (128, 2) for a batch of 128 points in the plane.
//
// The one idea: *broadcasting*. Two shapes are lined up at their last axes; an axis of size 1, or
// one that is missing, is repeated to match the other. So (128, 2) + (2) adds a row to each row,
// and (128, 2) + (128, 1) adds a column to each column.
//
// Read next: tensor.h.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>

#include "tensor/error.h"
#include "tensor/real.h"

namespace gradflow {

class Shape {
 public:
  static constexpr int kMaxRank = 4;  // the most axes a tensor can have

  Shape() = default;  // (): a scalar, one element
  // Throws ShapeError on a negative size, on more than kMaxRank axes, and on more than 2^58
  // elements (an axis of size 0 counted as 1), which no memory could hold.
  constexpr explicit Shape(std::span<const Index> sizes) : Shape("Shape", sizes) {}
  constexpr Shape(std::initializer_list<Index> sizes)
      : Shape(std::span(sizes.begin(), sizes.size())) {}
  // The same for an operation that was given the sizes: its errors name it.
  constexpr Shape(const char* op, std::span<const Index> sizes) {
    if (sizes.size() > kMaxRank) refuse_rank(op, sizes.size());
    Index all = 0;
    for (const Index size : sizes) {
      append(size);
      all |= size;
    }
    if (is_unusual(all)) check_unusual(op);
  }

  int rank() const { return rank_; }  // the number of axes
  // The size of an axis, from 0 to rank() - 1 and not checked; and all of them, to loop over.
  Index operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  const Index* begin() const { return sizes_.data(); }
  const Index* end() const { return sizes_.data() + rank_; }
  Index size() const {  // the number of elements: the product of the sizes, 1 for a scalar
    Index product = 1;
    for (int axis = 0; axis < rank_; ++axis) product *= (*this)[axis];
    return product;
  }

  // Copies with one axis changed, two exchanged, one removed; the axes are not checked. Throws as
  // the constructor, naming `op`.
  Shape with(int axis, Index size, const char* op = "Shape") const;
  Shape exchanged(int axis_a, int axis_b) const;
  Shape without(int axis) const;

  // True if rank and sizes are the same.
  bool operator==(const Shape& other) const {
    bool same = rank_ == other.rank_;
    for (std::size_t i = 0; i < kMaxRank; ++i) same &= sizes_[i] == other.sizes_[i];
    return same;
  }

 private:
  // Of all sizes, their bits joined: are they from 0 to 2^14 - 1? Then their product is below 2^56.
  static constexpr bool is_unusual(Index all) { return (all >> 14) != 0; }
  void check_unusual(const char* op) const;
  [[noreturn]] static void refuse_rank(const char* op, std::size_t rank);
  constexpr void append(Index size) { sizes_[static_cast<std::size_t>(rank_++)] = size; }

  int rank_ = 0;
  std::array<Index, kMaxRank> sizes_{};  // entries from rank_ on stay 0, so that == may compare all
};

std::string to_string(const Shape& shape);  // "(128, 2)", "()"

// The shape of `a op b`. Throws ShapeError, naming `op`, if the two cannot be lined up.
Shape broadcast(const char* op, const Shape& a, const Shape& b);

// A shape seen from one of its axes, as (outer, n, inner): an operation along an axis of a dense
// row-major tensor needs no more. Element (o, i, k) of that view lies at (o * n + i) * inner + k.
struct AxisSplit {
  Index outer = 1;  // the product of the sizes before the axis
  Index n = 1;      // its own size
  Index inner = 1;  // the product of the sizes after it
};
AxisSplit split_at(const Shape& shape, int axis);  // the axis is not checked

// Axis as a number from 0 to rank - 1; a negative one counts from the end, -1 being the last.
// Throws ShapeError, naming `op`, if there is no such axis.
int checked_axis(const char* op, int axis, const Shape& shape);

}  // namespace gradflow

// So that messages can name shapes: fmt::format("{} given", shape).
template <>
struct fmt::formatter<gradflow::Shape> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const gradflow::Shape& shape, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}", to_string(shape));
  }
};
