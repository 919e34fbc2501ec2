// map: apply a function element by element, with broadcasting. The one walk of all such operations.
//
// The one idea: a broadcast axis is an axis with step 0. Each operand gets a step per axis (how far
// to move in memory when the index grows by one); neighbouring axes that all operands cross in one
// even stride are merged; what is left is a loop over the last axis, in which every operand either
// moves by one or stands still, inside loops over the others. The compiler turns that last loop
// into vector instructions, a version for each combination of moving and standing.
//
// Read next: math.cpp, where all uses of it are.
#pragma once

#include <array>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tensor/tensor.h"

namespace gradflow {
namespace detail {

template <std::size_t N>
struct Walk {
  int rank = 0;                                 // of the merged axes, at least one
  Index sizes[Shape::kMaxRank];                 // [axis]
  std::array<Index, N> steps[Shape::kMaxRank];  // [axis][operand]
};

// Appends an axis, or merges it with the last one if every operand runs through both evenly.
template <std::size_t N>
void add_axis(Walk<N>& walk, Index size, const std::array<Index, N>& steps) {
  const int last = walk.rank - 1;
  bool even = last >= 0;
  for (std::size_t k = 0; k < N && even; ++k) even = walk.steps[last][k] == steps[k] * size;
  const int axis = even ? last : walk.rank++;
  walk.sizes[axis] = even ? walk.sizes[axis] * size : size;
  walk.steps[axis] = steps;
}

template <std::size_t N>
Walk<N> plan(const Shape& result, const std::array<const Shape*, N>& shapes) {
  // Steps are products of sizes from the last axis on; 0 where an operand's size is 1 or missing.
  std::array<Index, N> steps[Shape::kMaxRank]{};
  for (std::size_t k = 0; k < N; ++k) {
    Index step = 1;
    for (int back = 1; back <= shapes[k]->rank(); ++back) {
      const Index size = (*shapes[k])[shapes[k]->rank() - back];
      steps[result.rank() - back][k] = size == 1 ? 0 : step;
      step *= size;
    }
  }
  Walk<N> walk;
  for (int axis = 0; axis < result.rank(); ++axis)
    if (result[axis] != 1) add_axis(walk, result[axis], steps[axis]);
  if (walk.rank == 0) add_axis(walk, 1, {});
  return walk;
}

// The innermost loop; each Step is std::integral_constant 0 or 1.
template <class F, std::size_t... k, class... Step>
void run(real* out, Index n, F f, const std::array<const real*, sizeof...(k)>& in,
         std::index_sequence<k...>, Step... step) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) out[i] = f(in[k][i * step]...);
}

// Turns each operand's run-time step into a compile-time one, then runs the loop.
template <std::size_t N, class F, class... Step>
void dispatch(real* out, Index n, F f, const std::array<const real*, N>& in,
              const std::array<Index, N>& steps, Step... known) {
  if constexpr (sizeof...(known) == N)
    run(out, n, f, in, std::make_index_sequence<N>{}, known...);
  else if (steps[sizeof...(known)] == 0)
    dispatch(out, n, f, in, steps, known..., std::integral_constant<Index, 0>{});
  else
    dispatch(out, n, f, in, steps, known..., std::integral_constant<Index, 1>{});
}

// The last axis in `dispatch`, for each position on the axes before it (counted like an odometer).
template <std::size_t N, class F>
void walk_axes(const Walk<N>& walk, real* out, F f, std::array<const real*, N> in) {
  const int last = walk.rank - 1;
  const Index n = walk.sizes[last];
  Index repeats = 1;
  for (int axis = 0; axis < last; ++axis) repeats *= walk.sizes[axis];
  Index position[Shape::kMaxRank] = {};
  for (Index r = 0; r < repeats; ++r, out += n) {
    dispatch(out, n, f, in, walk.steps[last]);
    for (int axis = last - 1; axis >= 0; --axis) {
      for (std::size_t k = 0; k < N; ++k) in[k] += walk.steps[axis][k];
      if (++position[axis] < walk.sizes[axis]) break;
      for (std::size_t k = 0; k < N; ++k) in[k] -= walk.steps[axis][k] * walk.sizes[axis];
      position[axis] = 0;
    }
  }
}

}  // namespace detail

// y = f(x_1, ..., x_N), the x broadcast against each other. Throws ShapeError, naming `op`, if the
// shapes cannot be lined up.
template <class F, class... Tensors>
Tensor map([[maybe_unused]] const char* op, F f, const Tensor& first, const Tensors&... rest) {
  Shape shape = first.shape();
  ((shape = broadcast(op, shape, rest.shape())), ...);
  Tensor y(shape);
  if (y.size() == 0) return y;
  real* out = y.mutable_data();
  const std::array<const real*, 1 + sizeof...(rest)> in{first.data(), rest.data()...};
  if (((rest.shape() == shape) && ... && (first.shape() == shape))) {  // no broadcasting: one loop
    std::array<Index, in.size()> steps;
    steps.fill(1);
    detail::dispatch(out, y.size(), f, in, steps);
  } else {
    detail::walk_axes(detail::plan<in.size()>(shape, {&first.shape(), &rest.shape()...}), out, f,
                      in);
  }
  return y;
}

}  // namespace gradflow
