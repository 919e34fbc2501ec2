// Sums in a fixed order: the i-th number goes to lane i mod 64, and the lanes are added by halves.
//
// The one idea: a compiler that may choose how many sums to carry side by side (`omp simd
// reduction`) chooses by the width of the processor's vectors, and sums in another order have other
// last bits. 64 lanes are a whole number of vectors on each.
#pragma once

#include <array>

#include "tensor/real.h"

namespace gradflow {

// The sum of x^2 over n numbers, in double.
inline double sum_of_squares(const real* x, Index n) {
  constexpr Index kLanes = 64;
  std::array<double, kLanes> lanes{};
  double* const lane = lanes.data();
  const auto add = [lane](const real* from, Index count) {
#pragma omp simd
    for (Index l = 0; l < count; ++l) lane[l] += double{from[l]} * double{from[l]};
  };
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) add(x + i, kLanes);
  add(x + i, n - i);
  for (Index half = kLanes / 2; half > 0; half /= 2)
    for (Index l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

}  // namespace gradflow
