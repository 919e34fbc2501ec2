// Smooth activations: functions of one number that networks put between their layers. What they
// are made of is in ops.cpp, where the way to read an entry stands, too.

#include <numbers>

#include "autograd/ops.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {

using kernel::map;

namespace {

constexpr real kSqrtHalf = real{1} / std::numbers::sqrt2_v<real>;

// The density of a standard normal number, whose integral normal_cdf is.
Var normal_pdf(const Var& x) {
  constexpr auto scale = kSqrtHalf * std::numbers::inv_sqrtpi_v<real>;  // 1 / sqrt(2 pi)
  return scale * exp(real(-0.5) * square(x));
}

// y = c x where x > 0, else c a (e^x - 1)      dx = c dy where x > 0, else c a e^x dy
Var exponential_linear(const char* op, const Var& x, real c, real a) {
  const auto f = [c, a](real v) { return c * (v > 0 ? v : a * math::expm1(v)); };
  return record(op, map(op, x.value(), f), wrt(x, [x, c, a](const Var& dy) {
                  const Tensor positive = map("elu", x.value(), [](real v) { return real(v > 0); });
                  // Where x > 0 its exponential is not wanted, and could be infinite: it is of 0.
                  const Var slope = a * exp(where(positive, 0, x));
                  return c * dy * where(positive, 1, slope);
                }));
}

// y = s (1 + x t),  s = sigmoid x,  t = sigmoid -x, as 1 - s would lose digits
//                                    dx = dy s t (2 + x (t - s))
Var silu_slope(const Var& x) {  // in one go, for large networks ask for little else
  const auto f = [](real v) { return math::sigmoid(v) * (1 + v * math::sigmoid(-v)); };
  return record("silu_slope", map("silu_slope", x.value(), f), wrt(x, [x](const Var& dy) {
                  const Var s = sigmoid(x), t = sigmoid(-x);
                  return dy * (s * t * (2 + x * (t - s)));
                }));
}

}  // namespace

// y = P(z < x) = erfc(-x / sqrt 2) / 2, which keeps its digits on the left, where it is small
//                            dx = dy e^(-x^2/2) / sqrt(2 pi)
Var normal_cdf(const Var& x) {
  const auto f = [](real v) { return math::erfc(-v * kSqrtHalf) / 2; };
  return record("normal_cdf", map("normal_cdf", x.value(), f),
                wrt(x, [x](const Var& dy) { return dy * normal_pdf(x); }));
}

// y = x where x > 0, else a (e^x - 1)          dx = dy where x > 0, else a e^x dy
// "Exponential linear unit": D.-A. Clevert, T. Unterthiner, S. Hochreiter, arXiv:1511.07289 (2015).
Var elu(const Var& x, real a) {
  require(!std::isnan(a), "elu: alpha {} given; a number is required", a);
  return exponential_linear("elu", x, 1, a);
}

// y = c elu(x, a), with the c and a for which layers of such units, of random weights with mean 0
// and variance 1 / in, keep mean 0 and variance 1: "self-normalizing", G. Klambauer et al.,
// arXiv:1706.02515 (2017), equation 14.
Var selu(const Var& x) {
  return exponential_linear("selu", x, real(1.0507009873554804934), real(1.6732632423543772848));
}

// y = x s,  s = sigmoid x            dx = dy s (1 + x (1 - s))
Var silu(const Var& x) {
  return record("silu", map("silu", x.value(), [](real v) { return math::silu(v); }),
                wrt(x, [x](const Var& dy) { return dy * silu_slope(x); }));
}

// y = x P,  P = normal_cdf x          dx = dy (P + x p),  p = dP/dx
// "Gaussian error linear unit": D. Hendrycks, K. Gimpel, arXiv:1606.08415 (2016).
Var gelu(const Var& x) {
  const auto f = [](real v) { return v * (math::erfc(-v * kSqrtHalf) / 2); };
  return record("gelu", map("gelu", x.value(), f),
                wrt(x, [x](const Var& dy) { return dy * (normal_cdf(x) + x * normal_pdf(x)); }));
}

}  // namespace gradflow
