// map: apply a function element by element, with broadcasting. The one walk of all such operations.
//
// The one idea: a broadcast axis is an axis with step 0. Each operand gets a step per axis (how far
// to move in memory when the index grows by one): a loop over the last axis, in which every operand
// either moves by one or stands still, inside loops over the others. The compiler turns that last
// loop into vector instructions, a version for each combination of moving and standing. Where no
// operand is repeated, or only single numbers are, one such loop does it all.
//
// Read next: autograd/ops.cpp, where most uses of it are.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>

#include "tensor/tensor.h"

namespace gradflow {
namespace detail {

constexpr std::size_t kMostOperands = 3;
using Pointers = std::array<const real*, kMostOperands>;

struct Axis {
  Index size = 1;
  std::array<Index, kMostOperands> steps{};
};
using Axes = std::array<Axis, Shape::kMaxRank>;  // the last axis first; the rest are of size 1

inline Axes axes_of(const Shape& result, std::span<const Tensor* const> operands) {
  Axes axes;
  std::size_t level = 0;
  std::array<Index, kMostOperands> strides{1, 1, 1};  // along the next axis
  for (int back = 1; back <= result.rank(); ++back) {
    Axis axis{result[result.rank() - back]};
    if (axis.size == 1) continue;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const Shape& shape = operands[k]->shape();
      const Index size = back <= shape.rank() ? shape[shape.rank() - back] : 1;
      if (size != 1) axis.steps[k] = strides[k];
      strides[k] *= size;
    }
    axes[level++] = axis;
  }
  return axes;
}

// The innermost loop; each Step is std::integral_constant 0 or 1. What f makes of a number does not
// depend on where it stands, in a vector or in what is left over: it is arithmetic whose every bit
// is fixed (kernels/vector_math.h), or a call of the same function. (Flattened: a compiler that
// leaves a long f outside of the loop makes no vectors of it.)
template <class F, std::size_t... k, class... Step>
[[gnu::flatten]] void run(real* out, Index n, F f, const Pointers& in, std::index_sequence<k...>,
                          Step... step) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) out[i] = f(in[k][i * step]...);
}

// Turns each operand's run-time step into a compile-time one, then runs the loop.
template <std::size_t N, class F, class... Step>
void dispatch(real* out, const Axis& axis, F f, const Pointers& in, Step... known) {
  if constexpr (sizeof...(known) == N)
    run(out, axis.size, f, in, std::make_index_sequence<N>{}, known...);
  else if (axis.steps[sizeof...(known)] == 0)
    dispatch<N>(out, axis, f, in, known..., std::integral_constant<Index, 0>{});
  else
    dispatch<N>(out, axis, f, in, known..., std::integral_constant<Index, 1>{});
}

// A loop over axes[level] around loops over those before it in the list.
template <std::size_t N, class F>
void walk(const Axes& axes, std::size_t level, real*& out, F f, Pointers in) {
  const Axis& axis = axes[level];
  if (level == 0) {
    dispatch<N>(out, axis, f, in);
    out += axis.size;
    return;
  }
  for (Index i = 0; i < axis.size; ++i) {
    walk<N>(axes, level - 1, out, f, in);
    for (std::size_t k = 0; k < N; ++k) in[k] += axis.steps[k];
  }
}

// y = f(operands) where each is read number by number, or is one number.
template <std::size_t N, class F>
void map_line(Tensor& y, const std::array<const Tensor*, N>& operands, F f) {
  Pointers in{};
  Axis line{y.size()};
  for (std::size_t k = 0; k < N; ++k) {
    in[k] = operands[k]->data();
    line.steps[k] = operands[k]->size() == y.size();
  }
  dispatch<N>(y.mutable_data(), line, f, in);
}

// y = f(operands) where some are repeated along some axes.
template <std::size_t N, class F>
void map_axes(Tensor& y, const std::array<const Tensor*, N>& operands, F f) {
  Pointers in{};
  for (std::size_t k = 0; k < N; ++k) in[k] = operands[k]->data();
  real* out = y.mutable_data();
  walk<N>(axes_of(y.shape(), operands), Shape::kMaxRank - 1, out, f, in);
}

template <std::size_t N, class F>
Tensor map(const char* op, const std::array<const Tensor*, N>& operands, F f) {
  Shape shape = operands[0]->shape();
  for (std::size_t k = 1; k < N; ++k) shape = broadcast(op, shape, operands[k]->shape());
  Tensor y(shape);
  if (y.size() == 0) return y;
  bool lines = true;
  for (const Tensor* x : operands) lines &= x->size() == y.size() || x->size() == 1;
  lines ? map_line<N>(y, operands, f) : map_axes<N>(y, operands, f);
  return y;
}

}  // namespace detail

namespace kernel {

// y = f(x), y = f(a, b), y = f(m, a, b): the operands broadcast against each other. Throws
// ShapeError, naming `op`, if their shapes cannot be lined up.
template <class F>
Tensor map(const char* op, const Tensor& x, F f) {
  return detail::map<1>(op, {&x}, f);
}
template <class F>
Tensor map(const char* op, const Tensor& a, const Tensor& b, F f) {
  return detail::map<2>(op, {&a, &b}, f);
}
template <class F>
Tensor map(const char* op, const Tensor& m, const Tensor& a, const Tensor& b, F f) {
  return detail::map<3>(op, {&m, &a, &b}, f);
}

// Arithmetic, element by element.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return map("add", a, b, std::plus()); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return map("sub", a, b, std::minus()); }
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return map("mul", a, b, std::multiplies());
}
inline Tensor operator/(const Tensor& a, const Tensor& b) {
  return map("div", a, b, std::divides());
}

}  // namespace kernel
}  // namespace gradflow
