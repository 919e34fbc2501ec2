// log x, log(1 + x), and what is made of them: softplus, and x^y.
//
//   log x = k log 2 + log(1 + f),   1 + f between sqrt(1/2) and sqrt 2,
//   log(1 + f) = 2 atanh(s) = 2 s + s z R(z),   s = f / (2 + f),  z = s^2
//
// Since 2 s = f - s f and s f = f^2 / 2 - s f^2 / 2, the largest part of it is f, which is exact.
#pragma once

#include "tensor/kernels/math/exponential.h"

namespace gradflow::math {

template <class T>
struct LogarithmNumbers;
template <>
struct LogarithmNumbers<float> {
  static constexpr std::array<float, 4> R{0.666666656f, 0.4000034555f, 0.2853660418f,
                                          0.2359630933f};
};
template <>
struct LogarithmNumbers<double> {
  static constexpr std::array<double, 8> R{
      0.666666666666666605, 0.400000000000067013, 0.285714285689401741, 0.222222226687656792,
      0.181817739061894003, 0.15387167732628003,  0.132483815262656941, 0.132671276751097649};
};

// x = 2^k m,  m between sqrt(1/2) and sqrt 2; x positive and finite
template <class T>
struct Decomposed {
  T k, m;
};

template <class T>
[[gnu::always_inline]] inline Decomposed<T> decomposed(T x) {
  using F = Format<T>;
  constexpr BitsOf<T> root = bits(T(0.70710678118654752)), one = bits(T(1));
  constexpr BitsOf<T> fraction = (BitsOf<T>{1} << F::mantissa) - 1;
  constexpr T shift = from_bits<T>((F::bias + F::mantissa) << F::mantissa);  // 2^23 (2^52)
  const bool subnormal = x < std::numeric_limits<T>::min();
  const BitsOf<T> b = bits(subnormal ? x * shift : x) + (one - root);
  // A small whole number as the last bits of a large one: the conversion that all processors have.
  const T exponent = from_bits<T>(bits(shift) | b >> F::mantissa) - (shift + T(F::bias));
  return {exponent - (subnormal ? T(F::mantissa) : T(0)), from_bits<T>((b & fraction) + root)};
}

// k log 2 + log(1 + f) + more, where `more` is small
template <class T>
[[gnu::always_inline]] inline T logarithm(T k, T f, T more) {
  using Numbers = ExponentialNumbers<T>;
  const T s = f / (2 + f), z = s * s, half_square = T(0.5) * f * f;
  const T rest = s * (half_square + z * polynomial(z, LogarithmNumbers<T>::R));
  return k * Numbers::log2_high - ((half_square - (rest + (k * Numbers::log2_low + more))) - f);
}

template <class T>
[[gnu::always_inline]] inline T log(T x) {
  const auto [k, m] = decomposed(x);
  const T y = x == kInfinity<T> ? x : logarithm(k, m - 1, T(0));
  return x > 0 ? y : x == 0 ? -kInfinity<T> : kNaN<T>;
}

// With u = 1 + x rounded: log(1 + x) = log u + log(1 + c / u), where c is what u has lost.
template <class T>
[[gnu::always_inline]] inline T log1p(T x) {
  const T u = 1 + x, c = x < 1 ? x - (u - 1) : 1 - (u - x);
  const auto [k, m] = decomposed(u);
  const bool alone = k == 0;  // then 1 + f = 1 + x, and f is known better than u
  T y = logarithm(k, alone ? x : m - 1, alone ? T(0) : c / u);
  y = x == kInfinity<T> || x == 0 ? x : y;
  return x > -1 ? y : x == -1 ? -kInfinity<T> : kNaN<T>;
}

// log(1 + e), 0 <= e <= 1, of which nothing is special: f = e, or (1 + e) / 2 - 1
template <class T>
[[gnu::always_inline]] inline T log1p_of_share(T e) {
  const bool small = e < T(0.41421356);
  return logarithm(small ? T(0) : T(1), small ? e : T(0.5) * (e - 1), T(0));
}

// log(1 + e^-|x|), the part of softplus that is smooth and small
template <class T>
[[gnu::always_inline]] inline T softplus_rest(T x) {
  return log1p_of_share(decay(std::fabs(x)));
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where the exponent cannot overflow
template <class T>
[[gnu::always_inline]] inline T softplus(T x) {
  return (x < 0 ? T(0) : x) + softplus_rest(x);
}

// log x, x positive and finite, in twice the digits: all terms of 2 atanh(s) in which a rounding
// error would be seen, in twice the digits; from s^5 on they are small enough.
[[gnu::always_inline]] inline Twice<double> log_twice(double x) {
  using Numbers = ExponentialNumbers<double>;
  constexpr std::array<double, 8> R{
      0.399999999999999756, 0.285714285714463171, 0.222222222172444107, 0.18181818906025157,
      0.15384554442978538,  0.133364105226528978, 0.116729346913763113, 0.120046520490824673};
  constexpr Twice<double> kTwoThirds{0x1.5555555555555p-1, 0x1.5555555555555p-55};
  const auto [k, m] = decomposed(x);
  // s = f / d,  d = 2 + f = m + 1
  const double f = m - 1, d = m + 1, d_lost = m - (d - 1), s = f / d;
  const auto [sd, sd_low] = exact_product(s, d);
  const double s_low = (((f - sd) - sd_low) - s * d_lost) / d;
  // t = s^2 (2/3 + s^2 R): log(1 + f) = 2 s + s t
  const auto [z, z_lost] = exact_product(s, s);
  const double z_low = z_lost + 2 * s * s_low;
  const auto [c, c_lost] = sum_of_ordered(kTwoThirds.high, z * polynomial(z, R));
  const double c_low = c_lost + kTwoThirds.low;
  const auto [t, t_lost] = exact_product(z, c);
  const double t_low = t_lost + (z * c_low + z_low * c);
  const auto [st, st_lost] = exact_product(s, t);
  const double st_low = st_lost + (s * t_low + s_low * t);
  // k log 2 + 2 s + s t, from the largest to the smallest
  const auto [a, a_low] = exact_sum(k * Numbers::log2_high, 2 * s);
  const auto [b, b_low] = exact_sum(a, st);
  return sum_of_ordered(b, (a_low + b_low) + (k * Numbers::log2_low + (2 * s_low + st_low)));
}

// |x|^y for x and y neither 0 nor infinite: e^(y log |x|), whose exponent must be known to more
// digits than it has room for, as it may be 700.
[[gnu::always_inline]] inline double power_of_finite(double a, double y) {
  y = clamped(y, -0x1p64, 0x1p64);  // beyond it the result is 0, 1 or infinity
  const auto [l, l_low] = log_twice(a);
  const auto [p, p_low] = exact_product(y, l);
  const double x = clamped(p, -800., 800.);
  const auto [n, r, lost] = by_log2(x);
  const double more = lost + (p == x ? p_low + y * l_low : 0);
  const auto [m, rest] =
      sum_of_ordered(1., r + r * r * polynomial(r, ExponentialNumbers<double>::q));
  return scaled(m + (rest + m * more), n);
}
[[gnu::always_inline]] inline float power_of_finite(float a, float y) {
  const double exponent = static_cast<double>(y) * math::log(static_cast<double>(a));
  return static_cast<float>(math::exp(exponent));
}

// x^y. The special cases are those of C (its standard, annex F.10.4.4).
template <class T>
[[gnu::always_inline]] inline T pow(T x, T y) {
  const T a = std::fabs(x);
  const bool whole = std::trunc(y) == y, odd = whole && std::trunc(y / 2) * 2 != y;
  const bool extreme = a == 0 || a == kInfinity<T> || std::fabs(y) == kInfinity<T>;
  const T limit = a == 1 ? T(1) : (a > 1) == (y > 0) ? kInfinity<T> : T(0);
  const T size = extreme ? limit : power_of_finite(extreme ? T(1) : a, extreme ? T(1) : y);
  T result = odd && std::signbit(x) ? -size : size;
  result = x < 0 && !whole && a != kInfinity<T> ? kNaN<T> : result;
  result = std::isunordered(x, y) ? x + y : result;
  return x == 1 || y == 0 ? T(1) : result;
}

}  // namespace gradflow::math
