// multiply_add: a b + c, rounded once (fused) or twice (portable), for vectors of numbers.
//
// The one idea: no compiler has a name for the fused form that is the same for all vectors, so here
// are the names that the processors' makers have given it. Where there is no such instruction a
// float's is computed with doubles, and a double's by the C library, number by number.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/kernels/arithmetic.h"

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace gradflow {

#if defined(__FMA__) || defined(__aarch64__)
constexpr bool kHasMultiplyAdd = true;  // this processor: it is one instruction
#else
constexpr bool kHasMultiplyAdd = false;  // this processor: it takes several
#endif

// a b + c by +, -, *: the product of two floats is exact in double. The sum there is made odd if
// it is not exact (its last bit says: there is more behind), so that to round it once more, to
// float, is to round the exact sum: S. Boldo, G. Melquiond, "Emulation of a FMA and
// correctly rounded sums: proved algorithms using rounding to odd", IEEE Transactions on Computers
// 57 (2008).
inline float software_fma(float a, float b, float c) {
  const double product = double{a} * double{b}, addend = double{c};
  const double sum = product + addend, of_addend = sum - product;
  const double rest = (product - (sum - of_addend)) + (addend - of_addend);
  std::uint64_t bits;
  std::memcpy(&bits, &sum, sizeof bits);
  const bool inexact = rest < 0 || rest > 0, away = (rest > 0) == (sum > 0);
  const std::uint64_t odd = (bits & 1) != 0 ? bits : away ? bits + 1 : bits - 1;
  bits = inexact ? odd : bits;
  double rounded;
  std::memcpy(&rounded, &bits, sizeof rounded);
  return static_cast<float>(rounded);
}
inline double software_fma(double a, double b, double c) { return std::fma(a, b, c); }

// V: a vector of `real` of 16, 32 or 64 bytes.
template <class V>
[[gnu::always_inline]] inline V fused_multiply_add(V a, V b, V c) {
#if defined(__FMA__)
  if constexpr (sizeof(real) == 4) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#endif
    if constexpr (sizeof(V) == 32) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
    if constexpr (sizeof(V) == 16) return (V)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) return (V)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#endif
    if constexpr (sizeof(V) == 32) return (V)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
    if constexpr (sizeof(V) == 16) return (V)_mm_fmadd_pd((__m128d)a, (__m128d)b, (__m128d)c);
  }
#elif defined(__aarch64__)
  if constexpr (sizeof(real) == 4)
    return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
  else
    return (V)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  V result;
  for (unsigned l = 0; l < sizeof(V) / sizeof(real); ++l)
    result[l] = software_fma(a[l], b[l], c[l]);
  return result;
#endif
}

// a b + c, rounded as `how` says.
template <Arithmetic how, class V>
[[gnu::always_inline]] inline V multiply_add(V a, V b, V c) {
  if constexpr (how == Arithmetic::fused)
    return fused_multiply_add(a, b, c);
  else
    return a * b + c;
}

}  // namespace gradflow
