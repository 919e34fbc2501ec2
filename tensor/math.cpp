#include "tensor/vector_math.h"
// ^ first: it must come before <cmath>

#include <functional>

#include "tensor/map.h"
#include "tensor/math.h"

namespace gradflow {

Tensor add(const Tensor& a, const Tensor& b) { return map("add", a, b, std::plus<>()); }
Tensor sub(const Tensor& a, const Tensor& b) { return map("sub", a, b, std::minus<>()); }
Tensor mul(const Tensor& a, const Tensor& b) { return map("mul", a, b, std::multiplies<>()); }
Tensor div(const Tensor& a, const Tensor& b) { return map("div", a, b, std::divides<>()); }
Tensor greater(const Tensor& a, const Tensor& b) { return map("greater", a, b, std::greater<>()); }
Tensor equal(const Tensor& a, const Tensor& b) { return map("equal", a, b, std::equal_to<>()); }
Tensor neg(const Tensor& x) { return map("neg", x, std::negate<>()); }

// The formatter would make three lines of each of these.
// clang-format off
Tensor exp(const Tensor& x) { return map("exp", x, [](real v) { return std::exp(v); }); }
Tensor log(const Tensor& x) { return map("log", x, [](real v) { return std::log(v); }); }
Tensor sqrt(const Tensor& x) { return map("sqrt", x, [](real v) { return std::sqrt(v); }); }
Tensor square(const Tensor& x) { return map("square", x, [](real v) { return v * v; }); }
Tensor pow(const Tensor& x, real exponent) {
  return map("pow", x, [exponent](real v) { return std::pow(v, exponent); });
}
Tensor sin(const Tensor& x) { return map("sin", x, [](real v) { return std::sin(v); }); }
Tensor cos(const Tensor& x) { return map("cos", x, [](real v) { return std::cos(v); }); }
Tensor abs(const Tensor& x) { return map("abs", x, [](real v) { return std::abs(v); }); }
Tensor sign(const Tensor& x) {
  return map("sign", x, [](real v) { return v > 0 ? real{1} : v < 0 ? real{-1} : v * 0; });
}

Tensor tanh(const Tensor& x) { return map("tanh", x, [](real v) { return std::tanh(v); }); }
Tensor sigmoid(const Tensor& x) {
  return map("sigmoid", x, [](real v) { return 1 / (1 + std::exp(-v)); });
}
Tensor softplus(const Tensor& x) {
  // log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where the exponent cannot overflow.
  return map("softplus", x,
             [](real v) { return (v > 0 ? v : real{0}) + std::log1p(std::exp(-std::abs(v))); });
}
// Not std::max, and the tests this way round: a NaN stays one.
Tensor relu(const Tensor& x) { return map("relu", x, [](real v) { return v <= 0 ? real{0} : v; }); }
Tensor leaky_relu(const Tensor& x, real slope) {
  return map("leaky_relu", x, [slope](real v) { return v > 0 ? v : slope * v; });
}
Tensor leaky_relu_slope(const Tensor& x, real slope) {
  return map("leaky_relu_slope", x, [slope](real v) { return v > 0 ? real{1} : slope; });
}
Tensor silu(const Tensor& x) {
  return map("silu", x, [](real v) { return v / (1 + std::exp(-v)); });
}
Tensor clamp(const Tensor& x, real low, real high) {
  require<ShapeError>(low <= high, "clamp: low {} and high {} given; low must not exceed high", low,
                      high);
  return map("clamp", x, [=](real v) { return v < low ? low : v > high ? high : v; });
}

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  return map("where", mask, a, b, [](real m, real p, real q) { return m != 0 ? p : q; });
}
// clang-format on

void add_in_place(Tensor& a, const Tensor& b, real factor) {
  require<ShapeError>(a.shape() == b.shape(),
                      "add_in_place: {} and {} given; the shapes must be equal", a.shape(),
                      b.shape());
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
