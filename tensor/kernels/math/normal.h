// erf and erfc, of which the distribution of normal numbers is made.
//
//   erf x = x + x P(x^2)  for |x| <= 1
//   erfc x = e^(-x^2) Q(t) / (1 + 2 x),  t = (x - 2) / (x + 2),  for x from 0.6 on
//
// Q = Q0 + t (...) is nearly constant: erfc x is e^(-x^2) / (x sqrt pi) far out, and e^(-x^2) times
// 1 at 0. The float forms are computed in double.
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
  static constexpr double Q0 = 1.27697838126338748;
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
  static constexpr double Q0 = 1.27697838155252872;
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
  const double more = m * q_low + q * (m_low - m * square_low);
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

}  // namespace gradflow::math
