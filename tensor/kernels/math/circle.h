// sin and cos, of radians and of whole turns.
//
//   x = (n + f) pi/2,  n whole,  |f| <= 1/2
//
// The hard part is f. Near a multiple of pi/2 nearly all digits of x / (pi/2) are those of n, and
// for a large x they are all before the point: 2/pi must be known to as many digits as x has bits
// in its exponent (M. Payne and R. Hanek, 1983). Here 2/pi is a row of short pieces, of which those
// are left out whose product with x is a multiple of four, that is of whole turns; the products
// of the others are exact, and so are what they leave beyond multiples of four, and their sum.
#pragma once

#include "tensor/kernels/math/parts.h"

namespace gradflow::math {

constexpr double kHalfPi = 1.57079632679489662, kHalfPiLow = 6.12323399573676604e-17;

// (sin r - r) / r^3, (cos r - 1 + r^2 / 2) / r^4, in r^2
template <class T>
struct CircleNumbers;
template <>
struct CircleNumbers<float> {
  static constexpr std::array<double, 4> sine{-0.1666666664, 0.008333329362, -0.000198393272,
                                              2.718237813e-6};
  static constexpr std::array<double, 3> cosine{0.04166664675, -0.001388736155, 2.443774021e-5};
};
template <>
struct CircleNumbers<double> {
  static constexpr std::array<double, 7> sine{-0.166666666666666666,    0.0083333333333333227,
                                              -0.000198412698412549889, 2.75573192141486388e-6,
                                              -2.50521049004780597e-8,  1.60583651850563026e-10,
                                              -7.57862508372337723e-13};
  static constexpr std::array<double, 6> cosine{0.0416666666666665987,    -0.00138888888888739909,
                                                0.0000248015872893950158, -2.75573143260494061e-7,
                                                2.08757195602457803e-9,   -1.13594487116876884e-11};
};

// x = n pi/2 + r + low,  n from -2 to 2, of which only its remainder by four is right
struct OfQuarters {
  double n, r, low;
};

// What a number below 2^53 leaves beyond multiples of four.
[[gnu::always_inline]] inline double modulo_four(double x) { return x - 4 * nearest(x * 0.25); }

// 2/pi in pieces of 28 bits, whose products with a float are exact.
inline constexpr std::array<double, 7> kShortTwoOverPi{
    170891318 * 0x1p-28,  240010261 * 0x1p-56, 44024437 * 0x1p-84, 131200308 * 0x1p-112,
    232525238 * 0x1p-140, 43358524 * 0x1p-168, 70845471 * 0x1p-196};

// The k-th piece that counts for a number of size a.
[[gnu::always_inline]] inline double piece(double a, std::size_t k) {
  const double c = a < 0x1p53 ? kShortTwoOverPi[k] : kShortTwoOverPi[k + 1];
  const double d = a < 0x1p81 ? c : kShortTwoOverPi[k + 2];
  return a < 0x1p109 ? d : kShortTwoOverPi[k + 3];
}

[[gnu::always_inline]] inline OfQuarters of_quarters(float given) {
  const double x = static_cast<double>(given), a = std::fabs(x);
  const double first = modulo_four(x * piece(a, 0)), second = modulo_four(x * piece(a, 1)),
               third = x * piece(a, 2), fourth = x * piece(a, 3);
  const double n = nearest(first + second);
  return {n, ((((first - n) + second) + third) + fourth) * kHalfPi, 0};
}

// 2/pi in pieces of 26 bits.
inline constexpr std::array<std::int32_t, 46> kTwoOverPi{
    42722829, 48555073, 21659401, 56087029, 13858563, 28715353, 38736100, 4324945,
    26128250, 62674459, 29957006, 37899730, 58726692, 49193117, 6588223,  35515164,
    46442140, 65964067, 24988590, 54822121, 41009306, 54917092, 5137525,  37323603,
    15192690, 4585659,  58608142, 52426903, 67074070, 25231090, 63202006, 34237727,
    28629499, 15891632, 40752081, 37709470, 25143477, 55737260, 33225084, 24853767,
    15195689, 19476134, 50255852, 18845021, 2185228,  50622407};

// From one piece to the next.
inline constexpr std::array<double, 8> kPieceWeights{1,        0x1p-26,  0x1p-52,  0x1p-78,
                                                     0x1p-104, 0x1p-130, 0x1p-156, 0x1p-182};

// In two halves of 26 bits; the product of a half and a piece is exact.
[[gnu::always_inline]] inline OfQuarters of_quarters(double x) {
  const double a = std::fabs(x);
  // The last bit of x is worth 2^u, and u < 28 + 26 j: before the j-th piece all products are
  // multiples of four. So is that of the j-th with the upper half, if j is not 0.
  const double u = from_bits<double>(bits(0x1p52) | bits(a) >> 52) - (0x1p52 + 1023 + 52);
  const double j = clamped(nearest((u - 2) / 26 - 0.49), 0., 38.);
  const auto at = static_cast<std::size_t>(bits(j + 0x1p52) & 63);
  const double weight = power_of_two(-13 * (j + 1)), scaled_down = x * weight * weight;
  const double high = upper_half(scaled_down), low = scaled_down - high;
  constexpr int kPieces = 8, kLarge = 4;
  std::array<double, 2 * kPieces> term{};
  for (std::size_t k = 0; k < kPieces; ++k) {
    const double piece = kPieceWeights[k] * kTwoOverPi[at + k];
    term[2 * k] = high * piece;
    term[2 * k + 1] = low * piece;
  }
  term[0] = a < 0x1p53 ? term[0] : 0;
  double n = 0;
  for (std::size_t k = 0; k < 2 * kLarge; ++k)
    n += term[k] = modulo_four(term[k] - 0x1p30 * nearest(term[k] * 0x1p-30));
  n = nearest(n);
  Twice<double> sum{term[0] - n, 0};
  for (std::size_t k = 1; k < 2 * kPieces; ++k) {
    const auto [s, lost] = exact_sum(sum.high, term[k]);
    sum = {s, sum.low + lost};
  }
  sum = sum_of_ordered(sum.high, sum.low);
  const auto [r, lost] = exact_product(sum.high, kHalfPi);
  const double more = lost + (sum.high * kHalfPiLow + sum.low * kHalfPi);
  const bool near = a < 0.78;  // pi/4 is 0.785
  return {near ? 0 : n, near ? x : r, near ? 0 : more};
}

// sin(r + low) and cos(r + low), |r| <= pi/4. For a float's result low is of no concern.
template <class T>
[[gnu::always_inline]] inline double sine_near(double r, double low) {
  const double z = r * r, rest = r * z * polynomial(z, CircleNumbers<T>::sine);
  if constexpr (sizeof(T) == sizeof(float)) return r + rest;
  return r + (rest + low * (1 - 0.5 * z));
}
template <class T>
[[gnu::always_inline]] inline double cosine_near(double r, double low) {
  const double z = r * r, half = 0.5 * z, rest = z * z * polynomial(z, CircleNumbers<T>::cosine);
  if constexpr (sizeof(T) == sizeof(float)) return (1 - half) + rest;
  const auto [one, lost] = sum_of_ordered(1., -half);
  return one + (lost + (rest - r * low));
}

// sin(x + quarters pi/2)
template <class T>
[[gnu::always_inline]] inline T sine(T x, double quarters) {
  const auto [n, r, low] = of_quarters(x);
  // The last two bits of a whole number: is it odd, and is it two or three beyond a multiple of
  // four?
  const std::uint64_t b = bits(n + quarters + kWhole<double>);
  const double y = (b & 1) != 0 ? cosine_near<T>(r, low) : sine_near<T>(r, low);
  return static_cast<T>((b & 2) != 0 ? -y : y);
}

template <class T>
[[gnu::always_inline]] inline T sin(T x) {
  const T y = sine(x, 0);
  return x == 0 ? x : y;  // -0 stays
}

template <class T>
[[gnu::always_inline]] inline T cos(T x) {
  return sine(x, 1);
}

// sin(2 pi x) and cos(2 pi x), |x| < 2^20: without pi there is nothing to be reduced. In x^2.
template <class T>
struct TurnNumbers;
template <>
struct TurnNumbers<float> {
  static constexpr float half_pi_low = -4.37113883e-8f;  // beyond the float pi/2
  static constexpr std::array<float, 4> sine{-0.64596409615f, 0.079692582708f, -0.0046812660884f,
                                             0.00015820585584f};
  static constexpr std::array<float, 4> cosine{-1.2337005433f, 0.25366924373f, -0.020860286067f,
                                               0.00090401583465f};
};
template <>
struct TurnNumbers<double> {
  static constexpr double half_pi_low = kHalfPiLow;
  static constexpr std::array<double, 7> sine{-0.645964097506246252,   0.0796926262461669243,
                                              -0.00468175413531482088, 0.000160441184726592746,
                                              -3.59884271662652076e-6, 5.69192768468984737e-8,
                                              -6.62760427562506858e-10};
  static constexpr std::array<double, 7> cosine{-1.23370055013616982,      0.253669507901046925,
                                                -0.0208634807633153665,    0.000919260274224035149,
                                                -0.0000252020369849811704, 4.71061544755237859e-7,
                                                -6.32186626683501023e-9};
};

// sin(2 pi x + quarters pi/2)
template <class T>
[[gnu::always_inline]] inline T sine_of_turns(T x, T quarters) {
  using Numbers = TurnNumbers<T>;
  const T n = nearest(4 * x), f = 4 * x - n, z = f * f;
  const T s = f * T(kHalfPi) + f * (Numbers::half_pi_low + z * polynomial(z, Numbers::sine));
  const T c = 1 + z * polynomial(z, Numbers::cosine);
  const BitsOf<T> b = bits(n + quarters + kWhole<T>);
  const T y = (b & 1) != 0 ? c : s;
  return (b & 2) != 0 ? -y : y;
}

template <class T>
[[gnu::always_inline]] inline T sin_of_turns(T x) {
  return sine_of_turns(x, T(0));
}

template <class T>
[[gnu::always_inline]] inline T cos_of_turns(T x) {
  return sine_of_turns(x, T(1));
}

}  // namespace gradflow::math
