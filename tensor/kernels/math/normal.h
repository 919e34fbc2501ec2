// erf and erfc, and what is made of them: the distribution of normal numbers.
//
//   erf x = x + x P(x^2)  for |x| <= 1
//   erfc x = e^(-x^2) Q(t) / (1 + 2 x),  t = (x - 2) / (x + 2),  for x from 0.6 on
//
// Q = Q0 + t (...) is nearly constant: erfc x is e^(-x^2) / (x sqrt pi) far out, and e^(-x^2) times
// 1 at 0. (Q0_low is what the nearest double leaves of Q0: it alone would cost most of an ulp.) The
// float forms are computed in double.
#pragma once

#include "tensor/kernels/math/exponential.h"

namespace gradflow::math {

template <class T>
struct NormalNumbers;
template <>
struct NormalNumbers<float> {
  static constexpr double largest = 10.1;  // beyond it erfc is 0
  static constexpr std::array<double, 7> P{0.12837916591312217,     -0.376126271289474868,
                                           0.112836000808571202,    -0.0268544399809043297,
                                           0.00518952543973845578,  -0.000802074453247919699,
                                           0.0000788876829086571752};
  static constexpr double Q0 = 1.27697838126338748, Q0_low = 0;
  static constexpr std::array<double, 10> Q{-0.0927638113117727906,   -0.166030359265083911,
                                            0.16405054755229986,      -0.0542207901241997986,
                                            -0.00802405637444939474,  0.00872811555260283445,
                                            0.00121508222902304565,   -0.00147112687074775263,
                                            -0.000310246483243792234, 0.000216500616849523642};
};
template <>
struct NormalNumbers<double> {
  static constexpr double largest = 27.3;
  static constexpr std::array<double, 13> P{
      0.128379167095512574,    -0.376126389031837482,     0.112837916709548842,
      -0.0268661706450778229,  0.00522397762482790362,    -0.000854832698139415951,
      0.000120553311317715157, -0.0000149255957427761209, 1.64610079911241012e-6,
      -1.63503909070746181e-7, 1.46602919366870959e-8,    -1.13748096443333388e-9,
      5.96043176556000962e-11};
  static constexpr double Q0 = 1.27697838155252872, Q0_low = 9.0316748107e-17;
  static constexpr std::array<double, 23> Q{
      -0.09276382658574607,      -0.166030397615288024,     0.164051280033452622,
      -0.0542200009921590386,    -0.00803401508292249539,   0.00872265388005729759,
      0.00127133897612074221,    -0.00145681402770387236,   -0.000454340932907112652,
      0.000206368095951201531,   0.000151039621986150305,   -1.51593677933837541e-6,
      -0.0000364229340448345562, -0.0000134659282670689651, 3.69672824067233593e-6,
      5.14813792367343051e-6,    1.57281571289324365e-6,    -5.68551260160885865e-7,
      -1.00294739194054847e-6,   -3.67348904246023135e-7,   3.54042514211170018e-7,
      1.69898295737480878e-7,    -9.78049310797863635e-8};
};

// erf x for |x| <= 1
template <class T>
[[gnu::always_inline]] inline double erf_near(double x) {
  return x + x * polynomial(x * x, NormalNumbers<T>::P);
}

// erfc a for a >= 0.6 = m 2^n. A rounding error of a^2 would be seen a^2 times as large.
template <class T>
[[gnu::always_inline]] inline Exponential<double> erfc_far(double a) {
  using Numbers = ExponentialNumbers<double>;
  a = a > NormalNumbers<T>::largest ? NormalNumbers<T>::largest : a;
  const auto [square, square_low] = exact_product(a, a);
  const auto [n, r, lost] = by_log2(-square);
  const auto [m, m_low] = sum_of_ordered(1., r + (r * r * polynomial(r, Numbers::q) + lost));
  const double t = (a - 2) / (a + 2);
  const auto [q, q_low] =
      sum_of_ordered(NormalNumbers<T>::Q0, t * polynomial(t, NormalNumbers<T>::Q));
  const auto [p, p_low] = exact_product(m, q);
  const double more = m * (q_low + NormalNumbers<T>::Q0_low) + q * (m_low - m * square_low);
  return {quotient({p, p_low + more}, sum_of_ordered(2 * a, 1.)), n};
}

template <class T>
[[gnu::always_inline]] inline T erf(T given) {
  const double x = static_cast<double>(given), a = std::fabs(x);
  const auto [m, n] = erfc_far<T>(a);
  const double y = a < 1 ? erf_near<T>(x) : std::copysign(1 - scaled(m, n), x);
  return x == 0 ? given : static_cast<T>(y);
}

template <class T>
[[gnu::always_inline]] inline T erfc(T given) {
  const double x = static_cast<double>(given), a = std::fabs(x);
  const auto [m, n] = erfc_far<T>(a);
  const double far = scaled(m, n);
  return static_cast<T>(a < 0.6 ? 1 - erf_near<T>(x) : x < 0 ? 2 - far : far);
}

// Q from a = 0 on, which takes a few numbers more.
template <class T>
struct TailNumbers;
template <>
struct TailNumbers<float> {
  static constexpr float largest = 14.5f;  // beyond it a normal number does not come
  static constexpr std::array<float, 11> Q{
      1.27697839218352181f,      -0.0927638970226728995f,  -0.1660313671449746f,
      0.16405316955521637f,      -0.0542050929306818309f,  -0.00804464254043578901f,
      0.00863828510513521812f,   0.00127342073938738622f,  -0.00125320582153018478f,
      -0.000364602385375997801f, 0.0000264460818579567788f};
};
template <>
struct TailNumbers<double> {
  static constexpr double largest = 38.7;
  static constexpr std::array<double, 26> Q{
      1.27697838155252872,      -0.0927638265857459944,    -0.166030397615291333,
      0.164051280033440836,     -0.0542200009918976434,    -0.00803401508238804498,
      0.00872265387175987509,   0.00127133896545592661,    -0.00145681388833755664,
      -0.000454340826642650213, 0.000206366689713799664,   0.000151039135066451124,
      -1.50686969559756184e-6,  -0.0000364229853236219233, -0.0000135041473298435106,
      3.70864545768622927e-6,   5.2524545219209759e-6,     1.51147612110801845e-6,
      -7.43749405556816299e-7,  -8.51978668546682002e-7,   -2.10120456110259666e-7,
      1.62389169970459491e-7,   1.2792013799819081e-7,     6.52640534182915664e-9,
      -2.15608791590512793e-8,  -6.16697894750185234e-9};
};

// Of a standard normal number: how likely it is to be below x, and its density there.
template <class T>
struct Normal {
  T below, density;
};

// Both at once, as both are multiples of e = e^(-x^2/2):
//   below = e W for x < 0, 1 - e W else,   W = Q(t) / (2 (1 + 2 a)),  a = |x| / sqrt 2
//   density = e / sqrt(2 pi)
// in T, and with one division: for the loops of activations.
template <class T>
[[gnu::always_inline]] inline Normal<T> normal(T x) {
  using Numbers = ExponentialNumbers<T>;
  const T given = std::fabs(x);
  const T size = given > TailNumbers<T>::largest ? TailNumbers<T>::largest : given;
  const T most = upper_half(size);
  // -x^2 / 2 = n log 2 + r, where most^2 is exact
  const T n = nearest(size * (size * T(-0.72134752044448171)));  // 1 / (2 log 2)
  const T small = (size - most) * (size + most);
  const T r =
      (T(-0.5) * most * most - n * Numbers::log2_high) - (T(0.5) * small + n * Numbers::log2_low);
  const T e = scaled_down(1 + (r + r * r * polynomial(r, Numbers::q)), n);
  // a + 2 and 2 (1 + 2 a), and t from them; in multiples of sqrt 2, which cancel
  constexpr T k = T(2.8284271247461901);
  const T above = size + k, twice = k * size + 2, share = 1 / (above * twice);
  const T t = (size - k) * (twice * share);
  const T tail = e * (above * share * polynomial(t, TailNumbers<T>::Q));
  return {x < 0 ? tail : 1 - tail, T(0.39894228040143268) * e};
}

}  // namespace gradflow::math
