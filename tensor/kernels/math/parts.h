// What the functions of vector_math.h are made of: bits, polynomials, powers of two, and numbers of
// twice the digits.
//
// The one idea: everything here is +, -, *, / and operations on bits, of which IEEE 754 leaves
// nothing open, and nothing here is a branch. So a loop marked `omp simd` becomes vector
// instructions on every processor, and gives the same bits on each.
//
// Read next: exponential.h.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace gradflow::math {

// How a number is written: sign, exponent + bias, mantissa.
template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr Bits bias = 127;
};
template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr Bits bias = 1023;
};
template <class T>
using BitsOf = typename Format<T>::Bits;

template <class T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();

template <class T>
[[gnu::always_inline]] constexpr BitsOf<T> bits(T x) {
  return __builtin_bit_cast(BitsOf<T>, x);
}
template <class T>
[[gnu::always_inline]] constexpr T from_bits(BitsOf<T> b) {
  return __builtin_bit_cast(T, b);
}

template <class T>
[[gnu::always_inline]] inline T clamped(T x, T low, T high) {  // NaN stays
  x = x < low ? low : x;
  return x > high ? high : x;
}

// 1.5 2^23 (2^52): beside it there is no room for a fraction. What is added to it is rounded to a
// whole number, which then stands in its last bits.
template <class T>
constexpr T kWhole = from_bits<T>(((Format<T>::bias + Format<T>::mantissa) << Format<T>::mantissa) +
                                  (BitsOf<T>{1} << (Format<T>::mantissa - 1)));

// The nearest whole number; |x| below 2^22 (2^51).
template <class T>
[[gnu::always_inline]] inline T nearest(T x) {
  return (x + kWhole<T>)-kWhole<T>;
}

// 2^n for a whole n that leaves it a normal number.
template <class T>
[[gnu::always_inline]] inline T power_of_two(T n) {
  return from_bits<T>((bits(n + kWhole<T>) + Format<T>::bias) << Format<T>::mantissa);
}

// x 2^n, rounded once. In two factors, as 2^n may be too small or too large for a number where the
// result is not.
template <class T>
[[gnu::always_inline]] inline T scaled(T x, T n) {
  const T half = nearest(n * T(0.5));
  return x * power_of_two(half) * power_of_two(n - half);
}

// The same for n <= 0, not below twice the smallest exponent, where one of the factors is always
// the smallest normal number.
template <class T>
constexpr T kSmallest = std::numeric_limits<T>::min();
template <class T>
[[gnu::always_inline]] inline T power_above_smallest(T n) {  // 2^n / kSmallest
  return power_of_two(n + T(Format<T>::bias - 1));
}
template <class T>
[[gnu::always_inline]] inline T scaled_down(T x, T n) {
  return x * power_above_smallest(n) * kSmallest<T>;
}

template <class T, std::size_t N, std::size_t... k>
[[gnu::always_inline]] inline T horner(T x, const std::array<T, N>& c, std::index_sequence<k...>) {
  T sum = c[N - 1];
  ((sum = sum * x + c[N - 2 - k]), ...);
  return sum;
}

// c[0] + c[1] x + c[2] x^2 + ...
template <class T, std::size_t N>
[[gnu::always_inline]] inline T polynomial(T x, const std::array<T, N>& c) {
  return horner(x, c, std::make_index_sequence<N - 1>());
}

// A number of twice the digits: high + low, where low is less than half a digit of high.
template <class T>
struct Twice {
  T high, low;
};

// a + b, exactly, for |a| >= |b|: T. J. Dekker, "A floating-point technique for extending the
// available precision", Numerische Mathematik 18 (1971).
template <class T>
[[gnu::always_inline]] inline Twice<T> sum_of_ordered(T a, T b) {
  const T sum = a + b;
  return {sum, b - (sum - a)};
}

// a + b, exactly: D. Knuth, "The Art of Computer Programming", volume 2, section 4.2.2.
template <class T>
[[gnu::always_inline]] inline Twice<T> exact_sum(T a, T b) {
  const T sum = a + b, of_b = sum - a;
  return {sum, (a - (sum - of_b)) + (b - of_b)};
}

// The upper half of a number's digits, rounded: what is left has no more than half and a sign, so
// that each product of such halves is exact.
template <class T>
[[gnu::always_inline]] inline T upper_half(T x) {
  constexpr BitsOf<T> kUnit = BitsOf<T>{1} << (Format<T>::mantissa / 2 + 1);
  return from_bits<T>((bits(x) + kUnit / 2) & ~(kUnit - 1));
}

// a b, exactly (Dekker, as above), unless it is too small or too large.
template <class T>
[[gnu::always_inline]] inline Twice<T> exact_product(T a, T b) {
  const T a1 = upper_half(a), a2 = a - a1, b1 = upper_half(b), b2 = b - b1, product = a * b;
  return {product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2};
}

// a / b, rounded nearly once.
template <class T>
[[gnu::always_inline]] inline T quotient(const Twice<T>& a, const Twice<T>& b) {
  const T q = a.high / b.high;
  return q + (a.low - q * b.low) / b.high;
}

}  // namespace gradflow::math
