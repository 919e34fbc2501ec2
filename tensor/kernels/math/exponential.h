// e^x and what is made of it: expm1, tanh, sigmoid, silu.
//
//   e^x = 2^n e^r,   n = the whole number nearest to x / log 2,   |r| <= (log 2) / 2
//
// and e^r is a polynomial, as good as there is one of its degree on that interval (found with the
// algorithm of Remez, as all polynomials here are).
#pragma once

#include "tensor/kernels/math/parts.h"

namespace gradflow::math {

template <class T>
struct ExponentialNumbers;

template <>
struct ExponentialNumbers<float> {
  // Beyond these e^x, and x e^x, are 0 and infinity.
  static constexpr float lowest = -110, highest = 89;
  // log 2 = high + low. high has so few digits that n high is exact.
  static constexpr float log2_high = 0.693359375f, log2_low = -2.12194440055e-4f;
  // (e^r - 1 - r) / r^2
  static constexpr std::array<float, 5> q{0.5000000099f, 0.1666651591f, 0.04166619498f,
                                          0.008369239693f, 0.001395119714f};
  // Beyond it e^x - 1 is -1, and tanh of half of it 1.
  static constexpr float lost = 20;
  // (tanh x - x) / x^3 in x^2, |x| < 0.625
  static constexpr std::array<float, 6> tanh{-0.3333333089f, 0.1333320921f,    -0.05394713049f,
                                             0.02170254365f, -0.008181582471f, 0.002146499793f};
};

template <>
struct ExponentialNumbers<double> {
  static constexpr double lowest = -760, highest = 710;
  static constexpr double log2_high = 0x1.62e42fefa38p-1, log2_low = 0x1.ef35793c7673p-45;
  static constexpr std::array<double, 11> q{0.5,
                                            0.166666666666666847,
                                            0.0416666666666667265,
                                            0.00833333333331607626,
                                            0.00138888888888575722,
                                            0.000198412698987210706,
                                            0.0000248015873753155864,
                                            2.75572325566608725e-6,
                                            2.75572320926659098e-7,
                                            2.51128315504345643e-8,
                                            2.09273178686229804e-9};
  static constexpr double lost = 40;
  static constexpr std::array<double, 12> tanh{
      -0.333333333333333136,    0.133333333333298546,      -0.05396825396611512,
      0.0218694884701237314,    -0.00886323433306625063,   0.00359211418718391843,
      -0.00145572706927030922,  0.000589456259418664088,   -0.000237023418231145467,
      0.0000915777911697999265, -0.0000302056444435999644, 6.0501187087444683e-6};
};

// x = n log 2 + r + lost, where lost is what r had no room for.
template <class T>
struct Reduced {
  T n, r, lost;
};

template <class T>
[[gnu::always_inline]] inline Reduced<T> by_log2(T x) {
  using Numbers = ExponentialNumbers<T>;
  const T n = nearest(x * T(1.44269504088896341));  // 1 / log 2
  const T most = x - n * Numbers::log2_high, rest = n * Numbers::log2_low, r = most - rest;
  return {n, r, (most - r) - rest};
}

// e^x = m 2^n,  m about 0.7 to 1.4
template <class T>
struct Exponential {
  T m, n;
};

template <class T>
[[gnu::always_inline]] inline Exponential<T> exponential(T x) {
  using Numbers = ExponentialNumbers<T>;
  const Reduced<T> reduced = by_log2(clamped(x, Numbers::lowest, Numbers::highest));
  const T n = reduced.n, r = reduced.r;
  return {1 + (r + r * r * polynomial(r, Numbers::q)), n};
}

template <class T>
[[gnu::always_inline]] inline T exp(T x) {
  const auto [m, n] = exponential(x);
  return scaled(m, n);
}

// e^-a for a >= 0: fewer steps, as it cannot be large
template <class T>
[[gnu::always_inline]] inline T decay(T a) {
  using Numbers = ExponentialNumbers<T>;
  const T x = -a < Numbers::lowest ? Numbers::lowest : -a;
  const Reduced<T> reduced = by_log2(x);
  const T r = reduced.r;
  return scaled_down(1 + (r + r * r * polynomial(r, Numbers::q)), reduced.n);
}

// e^x - 1 = 2^n (e^r - 1 + (1 - 2^-n))
template <class T>
[[gnu::always_inline]] inline T expm1(T x) {
  using Numbers = ExponentialNumbers<T>;
  const auto [n, r, lost] = by_log2(clamped(x, -Numbers::lost, Numbers::highest));
  const T square = r * r * polynomial(r, Numbers::q) + lost;
  const T whole = 1 - power_of_two(n > 64 ? T(-64) : -n);
  const auto [sum, rest] = exact_sum(whole, r);
  const T y = scaled(sum + (rest + square), n);
  return x == 0 ? x : y;  // -0 stays
}

// tanh x = x + x^3 P(x^2) near 0, and 1 - 2 / (e^2x + 1), with the sign of x, elsewhere
template <class T>
[[gnu::always_inline]] inline T tanh(T x) {
  using Numbers = ExponentialNumbers<T>;
  const T a = std::fabs(x), z = x * x;
  const T near = x + x * z * polynomial(z, Numbers::tanh);
  const auto [m, n] = exponential(2 * a > Numbers::lost ? Numbers::lost : 2 * a);
  const T far = 1 - 2 / (1 + m * power_of_two(n));
  const T y = a < T(0.625) ? near : std::copysign(far, x);
  return x == 0 ? x : y;
}

// y = c / (1 + e^-|x|) with c = 1, or e^x = m 2^n for negative x, whose result keeps its digits
// where it is small; and x times that. With nothing lost in c and in the sum, few roundings are
// left.
template <class T>
struct Logistic {
  Twice<T> m;  // of e^-|x|
  T a;         // 2^n = a times the smallest number
  Twice<T> sum;
};

template <class T>
[[gnu::always_inline]] inline Logistic<T> logistic(T x) {
  using Numbers = ExponentialNumbers<T>;
  const T down = -std::fabs(x);
  const auto [n, r, lost] = by_log2(down < Numbers::lowest ? Numbers::lowest : down);
  const auto [m, m_low] = sum_of_ordered(T(1), r + (r * r * polynomial(r, Numbers::q) + lost));
  const T a = power_above_smallest(n);
  const auto [sum, sum_low] = sum_of_ordered(T(1), m * a * kSmallest<T>);
  return {{m, m_low}, a, {sum, sum_low + m_low * a * kSmallest<T>}};
}

template <class T>
[[gnu::always_inline]] inline T sigmoid(T x) {
  const Logistic<T> l = logistic(x);
  const T y = quotient({x < 0 ? l.m.high : T(1), x < 0 ? l.m.low : T(0)}, l.sum);
  return x < 0 ? y * l.a * kSmallest<T> : y;
}

template <class T>
[[gnu::always_inline]] inline T silu(T x) {
  const Logistic<T> l = logistic(x);
  // Numbers so large that their digits cannot be halved are their own result.
  const T c = clamped(x, ExponentialNumbers<T>::lowest, T(1000));
  const auto [p, p_low] = exact_product(x < 0 ? c : T(0), l.m.high);
  const T y = quotient({x < 0 ? p : c, x < 0 ? p_low + c * l.m.low : T(0)}, l.sum);
  return x < 0 ? y * l.a * kSmallest<T> : x > 1000 || x == 0 ? x : y;
}

}  // namespace gradflow::math
