#include "tensor/vector_math.h"
// ^ first: it must come before <cmath>

#include <fmt/format.h>

#include "tensor/error.h"
#include "tensor/map.h"
#include "tensor/math.h"

namespace gradflow {

Tensor add(const Tensor& a, const Tensor& b) {
  return map(
      "add", [](real p, real q) { return p + q; }, a, b);
}
Tensor sub(const Tensor& a, const Tensor& b) {
  return map(
      "sub", [](real p, real q) { return p - q; }, a, b);
}
Tensor mul(const Tensor& a, const Tensor& b) {
  return map(
      "mul", [](real p, real q) { return p * q; }, a, b);
}
Tensor div(const Tensor& a, const Tensor& b) {
  return map(
      "div", [](real p, real q) { return p / q; }, a, b);
}

Tensor neg(const Tensor& x) {
  return map(
      "neg", [](real v) { return -v; }, x);
}
Tensor exp(const Tensor& x) {
  return map(
      "exp", [](real v) { return std::exp(v); }, x);
}
Tensor log(const Tensor& x) {
  return map(
      "log", [](real v) { return std::log(v); }, x);
}
Tensor sqrt(const Tensor& x) {
  return map(
      "sqrt", [](real v) { return std::sqrt(v); }, x);
}
Tensor square(const Tensor& x) {
  return map(
      "square", [](real v) { return v * v; }, x);
}
Tensor pow(const Tensor& x, real exponent) {
  return map(
      "pow", [exponent](real v) { return std::pow(v, exponent); }, x);
}
Tensor sin(const Tensor& x) {
  return map(
      "sin", [](real v) { return std::sin(v); }, x);
}
Tensor cos(const Tensor& x) {
  return map(
      "cos", [](real v) { return std::cos(v); }, x);
}
Tensor abs(const Tensor& x) {
  return map(
      "abs", [](real v) { return std::abs(v); }, x);
}
Tensor sign(const Tensor& x) {
  return map(
      "sign", [](real v) { return v > 0   ? real{1}
                                  : v < 0 ? real{-1}
                                          : v * 0; }, x);
}

Tensor tanh(const Tensor& x) {
  return map(
      "tanh", [](real v) { return std::tanh(v); }, x);
}
Tensor sigmoid(const Tensor& x) {
  return map(
      "sigmoid", [](real v) { return 1 / (1 + std::exp(-v)); }, x);
}
Tensor softplus(const Tensor& x) {
  // log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where the exponent cannot overflow.
  return map(
      "softplus", [](real v) { return (v > 0 ? v : real{0}) + std::log1p(std::exp(-std::abs(v))); },
      x);
}
// `v > 0 ? v : v * slope` and not std::max: it keeps a NaN.
Tensor relu(const Tensor& x) {
  return map(
      "relu", [](real v) { return v <= 0 ? real{0} : v; }, x);
}
Tensor leaky_relu(const Tensor& x, real slope) {
  return map(
      "leaky_relu", [slope](real v) { return v > 0 ? v : slope * v; }, x);
}
Tensor leaky_relu_slope(const Tensor& x, real slope) {
  return map(
      "leaky_relu_slope", [slope](real v) { return v > 0 ? real{1} : slope; }, x);
}
Tensor silu(const Tensor& x) {
  return map(
      "silu", [](real v) { return v / (1 + std::exp(-v)); }, x);
}
Tensor clamp(const Tensor& x, real low, real high) {
  if (!(low <= high))
    throw ShapeError(
        fmt::format("clamp: low {} and high {} given; low must not exceed high", low, high));
  return map(
      "clamp", [=](real v) { return v < low    ? low
                                    : v > high ? high
                                               : v; }, x);
}

Tensor greater(const Tensor& a, const Tensor& b) {
  return map(
      "greater", [](real p, real q) { return real(p > q); }, a, b);
}
Tensor equal(const Tensor& a, const Tensor& b) {
  return map(
      "equal", [](real p, real q) { return real(p == q); }, a, b);
}
Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  return map(
      "where", [](real m, real p, real q) { return m != 0 ? p : q; }, mask, a, b);
}

void add_in_place(Tensor& a, const Tensor& b) { add_scaled(a, b, 1); }

void add_scaled(Tensor& a, const Tensor& b, real factor) {
  if (a.shape() != b.shape())
    throw ShapeError(fmt::format("add_in_place: {} and {} given; the shapes must be equal",
                                 to_string(a.shape()), to_string(b.shape())));
  const Index n = a.size();
  real* out = a.mutable_data();
  const real* in = b.data();
#pragma omp simd
  for (Index i = 0; i < n; ++i) out[i] += factor * in[i];
}

bool all_finite(const Tensor& x) {
  // v * 0 is 0 for every finite v and NaN for the others; NaN survives the sum.
  const Index n = x.size();
  const real* in = x.data();
  real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < n; ++i) sum += in[i] * 0;
  return sum == 0;
}

}  // namespace gradflow
