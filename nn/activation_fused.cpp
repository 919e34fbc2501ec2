#include "nn/activation_fused.h"

#include <cmath>

#include "tensor/kernels/vector_math.h"

namespace gradflow::activations::plain {
namespace {

struct Point {  // of a function: its value and its slope
  real value, slope;
};

// Flattened, so that f is part of the loop, which then becomes vector instructions, however long.
template <bool slopes_wanted, class F>
[[gnu::flatten]] void run(Index n, real* v, real* slopes, F f) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    const Point point = f(v[i]);
    v[i] = point.value;
    if constexpr (slopes_wanted) slopes[i] = point.slope;
  }
}

template <class F>
void run(Index n, real* v, real* slopes, F f) {
  slopes ? run<true>(n, v, slopes, f) : run<false>(n, v, nullptr, f);
}

}  // namespace

// y = tanh v                          dy/dv = 1 - y^2
void tanh(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const real y = math::tanh(x);
    return Point{y, 1 - y * y};
  });
}

// y = v s,  s = sigmoid v             dy/dv = s + y (1 - s)
void silu(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const real s = math::sigmoid(x), y = x * s;
    return Point{y, s + y * (1 - s)};
  });
}

// y = max(v, 0) + log(1 + e),  e = e^-|v|          dy/dv = sigmoid v = 1 / (1 + e), or 1 less that
void softplus(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const real e = math::decay(std::abs(x)), larger = 1 / (1 + e);
    return Point{(x < 0 ? real{0} : x) + math::log1p_of_share(e), x > 0 ? larger : e * larger};
  });
}

// y = v P,  P = normal_cdf v          dy/dv = P + v p,  p = e^(-v^2/2) / sqrt(2 pi)
void gelu(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    const auto [P, p] = math::normal(x);
    return Point{x * P, P + x * p};
  });
}

// y = c v where v > 0, else c a (e^v - 1)          dy/dv = c, or c a e^v = y + c a
void selu(Index n, real* v, real* slopes) {
  run(n, v, slopes, [](real x) {
    constexpr real c = real(1.0507009873554804934), ca = c * real(1.6732632423543772848);
    const real below = ca * math::expm1(x > 0 ? real{0} : x);
    return Point{x > 0 ? c * x : below, x > 0 ? c : below + ca};
  });
}

}  // namespace gradflow::activations::plain
