#include "tensor/kernels/vector_math.h"
// ^ first: it must come before <cmath>

#include <algorithm>
#include <numbers>

#include "nn/activation_fused.h"

namespace gradflow::activations::plain {
namespace {

struct Point {  // of a function: its value and its slope
  real value, slope;
};

// A whole number of vectors, so that no number is left to the scalar forms of functions, whose last
// digits are others: what becomes of a number does not depend on where it stands (tensor/map.h).
// Not inlined: the compiler would see the size of the last block.
constexpr Index kBlock = 16;
template <bool slopes_wanted, class F>
[[gnu::noinline]] void run_blocks(Index blocks, real* v, real* slopes, F f) {
  for (Index begin = 0; begin < blocks * kBlock; begin += kBlock)
#pragma omp simd
    for (Index i = begin; i < begin + kBlock; ++i) {
      const Point point = f(v[i]);
      v[i] = point.value;
      if constexpr (slopes_wanted) slopes[i] = point.slope;
    }
}

template <bool slopes_wanted, class F>
void run(Index n, real* v, real* slopes, F f) {
  const Index whole = n / kBlock, done = whole * kBlock;
  run_blocks<slopes_wanted>(whole, v, slopes, f);
  if (done == n) return;
  real last[kBlock] = {}, last_slopes[kBlock];
  std::copy(v + done, v + n, last);
  run_blocks<slopes_wanted>(1, last, last_slopes, f);
  std::copy_n(last, n - done, v + done);
  if (slopes_wanted) std::copy_n(last_slopes, n - done, slopes + done);
}

template <class F>
void run(Index n, real* v, real* slopes, F f) {
  slopes ? run<true>(n, v, slopes, f) : run<false>(n, v, nullptr, f);
}

}  // namespace

// y = tanh v                          dy/dv = 1 - y^2
void tanh(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const real y = std::tanh(x);
    return Point{y, 1 - y * y};
  });
}

// y = v s,  s = sigmoid v             dy/dv = s + y (1 - s)
void silu(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const real s = 1 / (1 + std::exp(-x)), y = x * s;
    return Point{y, s + y * (1 - s)};
  });
}

// y = max(v, 0) + log(1 + e),  e = e^-|v|          dy/dv = sigmoid v = 1 / (1 + e), or 1 less that
void softplus(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const real e = std::exp(-std::abs(x)), larger = 1 / (1 + e);
    return Point{(x > 0 ? x : real{0}) + std::log1p(e), x > 0 ? larger : e * larger};
  });
}

// y = v P,  P = normal_cdf v          dy/dv = P + v p,  p = e^(-v^2/2) / sqrt(2 pi)
void gelu(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    constexpr real root = real{1} / std::numbers::sqrt2_v<real>;
    const real P = std::erfc(-x * root) / 2;
    const real p = root * std::numbers::inv_sqrtpi_v<real> * std::exp(real(-0.5) * x * x);
    return Point{x * P, P + x * p};
  });
}

// y = c v where v > 0, else c a (e^v - 1)          dy/dv = c, or c a e^v = y + c a
void selu(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    constexpr real c = real(1.0507009873554804934), ca = c * real(1.6732632423543772848);
    const real below = ca * std::expm1(x > 0 ? real{0} : x);
    return Point{x > 0 ? c * x : below, x > 0 ? c : below + ca};
  });
}

}  // namespace gradflow::activations::plain
