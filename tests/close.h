// close: is a result as near to the true one as the precision allows?
//
// The one idea: a tolerance is a number of rounding errors. One operation is wrong by at most
// eps/2 of its result; so a result is checked to `roundings` times eps of its own size, or, where
// large terms may cancel, of the size of the terms (`scale`). eps is that of `real`, so the same
// test is sharp in double and in float.
//
// The functions return what is wrong, "" if nothing: CHECK(difference(...) == "").
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "autograd/var.h"
#include "tests/reference.h"

namespace gradflow {

constexpr double kEps = std::numeric_limits<real>::epsilon();

constexpr bool kDouble = sizeof(real) == 8;

// Values of `real` that are no numbers.
constexpr real kInfinity = std::numeric_limits<real>::infinity();
constexpr real kNan = std::numeric_limits<real>::quiet_NaN();

// The expected number is first rounded to `real`: what overflows there is infinite. NaN matches
// NaN, infinities match exactly. Results below the smallest normal number have fewer digits, or
// are 0, and are checked to that number.
inline bool close(real value, double expected, double roundings, double scale = 0) {
  const double target = static_cast<real>(expected);
  if (std::isnan(target)) return std::isnan(value);
  if (std::isinf(target)) return value == static_cast<real>(target);
  const double size = std::max(std::abs(expected), scale);
  const double allowed =
      roundings * (kEps * size + static_cast<double>(std::numeric_limits<real>::min()));
  return std::abs(static_cast<double>(value) - expected) <= allowed;
}

inline std::string difference(const Tensor& x, const Reference& expected, double roundings,
                              double scale = 0) {
  if (x.shape() != expected.shape)
    return fmt::format("shape {}, expected {}", to_string(x.shape()), to_string(expected.shape));
  for (std::size_t i = 0; i < expected.values.size(); ++i)
    if (!close(x.values()[i], expected.values[i], roundings, scale))
      return fmt::format("element {} is {}, expected {}", i, x.values()[i], expected.values[i]);
  return "";
}

inline std::string difference(const Var& x, const Reference& expected, double roundings,
                              double scale = 0) {
  return difference(x.value(), expected, roundings, scale);
}

// No tolerance: for what only moves elements, and for "the same bits in every run".
inline std::string difference(const Tensor& x, const Tensor& expected) {
  return difference(x, reference(expected), 0);
}
inline std::string difference(const Var& x, const Tensor& expected) {
  return difference(x.value(), expected);
}

// As a number, where the difference itself is what is studied.
inline double largest_difference(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.values().size(); ++i)
    most = std::max(most, std::abs(double{a.values()[i]} - double{b.values()[i]}));
  return most;
}

// The size of the largest number; 0 if there is none.
inline double largest(const Tensor& x) {
  double most = 0;
  for (const real value : x.values()) most = std::max(most, std::abs(double{value}));
  return most;
}

}  // namespace gradflow
