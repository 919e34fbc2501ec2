// Our own functions of one number against those of <cmath> in a wider type: a float's against the
// double function, a double's against the long double one. An error is counted in units of the last
// place (ulp), the distance from the true result's float to the next.
//
// A sample of all numbers is tried always. All 2^32 floats, and 10^9 doubles:
//
//   tests_float '[.all]' -s -d yes        (an hour)

#include "tensor/kernels/vector_math.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <type_traits>
#include <vector>

#include "tensor/map.h"
#include "tensor/random.h"
#include "tests/catch.h"

namespace gradflow {
namespace {

constexpr double kMostUlps = 2;

template <class T>
using Wider = std::conditional_t<std::is_same_v<T, float>, double, long double>;

// The distance of y from what it should be, in units of that number's last place. Infinite where
// one is NaN and the other is not, and where a zero has the wrong sign.
template <class T>
double ulps(T y, Wider<T> exact) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (std::isnan(y) || std::isnan(exact)) return std::isnan(y) && std::isnan(exact) ? 0 : kWrong;
  const T rounded = static_cast<T>(exact);
  if (std::isinf(y) || std::isinf(rounded)) return y == rounded ? 0 : kWrong;
  if (y == 0 && exact == 0) return std::signbit(y) == std::signbit(exact) ? 0 : kWrong;
  int exponent = 0;
  std::frexp(exact, &exponent);
  if (exact == 0 || exponent < Limits::min_exponent) exponent = Limits::min_exponent;
  const Wider<T> unit = std::ldexp(Wider<T>(1), exponent - Limits::digits);
  return static_cast<double>(std::abs(static_cast<Wider<T>>(y) - exact) / unit);
}

template <class T>
struct MathFunction {
  const char* name;
  void (*ours)(const T* x, T* y, Index n);  // in a loop that becomes vector instructions
  Wider<T> (*exact)(Wider<T> x);
  double low, high;  // where it is neither constant nor infinite
  double most;       // the largest error, in ulp, as the chapter on tensors has it
};

template <class T, class F>
void loop(const T* x, T* y, Index n, F f) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class W>
W logistic(W x) {  // without overflow, and without loss where it is small
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

template <class T>
const std::vector<MathFunction<T>>& functions() {
  using W = Wider<T>;
  constexpr double kEnd = sizeof(T) == 4 ? 105 : 750;
  const auto ulp = [](double of_float, double of_double) {
    return 0.01 + (sizeof(T) == 4 ? of_float : of_double);
  };
  static const std::vector<MathFunction<T>> all{
      {"exp", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::exp(v); }); },
       [](W x) { return std::exp(x); }, -kEnd, kEnd, ulp(1.02, 0.95)},
      {"expm1",
       [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::expm1(v); }); },
       [](W x) { return std::expm1(x); }, -50, kEnd, ulp(1.12, 1.16)},
      {"log", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::log(v); }); },
       [](W x) { return std::log(x); }, 0, 10, ulp(0.84, 0.85)},
      {"log1p",
       [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::log1p(v); }); },
       [](W x) { return std::log1p(x); }, -1, 10, ulp(0.84, 0.86)},
      {"tanh", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::tanh(v); }); },
       [](W x) { return std::tanh(x); }, -25, 25, ulp(1.33, 1.33)},
      {"sigmoid",
       [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::sigmoid(v); }); },
       [](W x) { return logistic(x); }, -kEnd, 50, ulp(1.41, 1.37)},
      {"silu", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::silu(v); }); },
       // Its limit: C has no such function, and the formula is infinity times 0 there.
       [](W x) { return x == -std::numeric_limits<W>::infinity() ? -W(0) : x * logistic(x); },
       -kEnd, 50, ulp(1.5, 1.51)},
      {"softplus",
       [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::softplus(v); }); },
       [](W x) { return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::abs(x))); }, -kEnd, 50,
       ulp(1.69, 1.69)},
      {"sin", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::sin(v); }); },
       [](W x) { return std::sin(x); }, -100, 100, ulp(0.83, 0.81)},
      {"cos", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::cos(v); }); },
       [](W x) { return std::cos(x); }, -100, 100, ulp(0.83, 0.81)},
      {"erf", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::erf(v); }); },
       [](W x) { return std::erf(x); }, -7, 7, ulp(0.52, 1.43)},
      {"erfc", [](const T* x, T* y, Index n) { loop(x, y, n, [](T v) { return math::erfc(v); }); },
       [](W x) { return std::erfc(x); }, -7, 28, ulp(0.52, 1.63)},
  };
  return all;
}

// The largest error over what numbers(x, n) writes, called until it writes no more.
template <class T>
struct Worst {
  double error = 0;
  T at = 0;
};
constexpr Index kBlock = 1000;  // not a whole number of vectors: what is left over is seen, too
template <class T, class Numbers>
Worst<T> worst_of(const MathFunction<T>& f, Numbers numbers) {
  std::vector<T> x(kBlock), y(kBlock);
  Worst<T> worst;
  while (const Index n = numbers(x.data())) {
    f.ours(x.data(), y.data(), n);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      if (const double error = ulps<T>(y[i], f.exact(x[i])); error > worst.error)
        worst = {error, x[i]};
  }
  return worst;
}

// Every `step`-th float, by its bits.
Worst<float> worst_float(const MathFunction<float>& f, std::uint64_t step) {
  std::uint64_t next = 0;
  return worst_of(f, [&](float* x) {
    Index n = 0;
    for (; n < kBlock && next < std::uint64_t{1} << 32; ++n, next += step)
      x[n] = math::from_bits<float>(static_cast<std::uint32_t>(next));
    return n;
  });
}

// `count` doubles: random bits, numbers of a function's own range, and such of all sizes below
// that.
Worst<double> worst_double(const MathFunction<double>& f, Index count) {
  std::uint64_t counter = 0;
  const auto random_bits = [&] {
    const auto block = philox(
        {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0},
        {17, 4});
    ++counter;
    return std::uint64_t{block[0]} << 32 | block[1];
  };
  const auto share = [&] { return static_cast<double>(random_bits() >> 11) * 0x1p-53; };
  Index done = 0;
  return worst_of(f, [&](double* x) {
    const Index n = std::min(kBlock, count - done);
    for (Index i = 0; i < n; ++i) {
      const double inside = f.low + (f.high - f.low) * share();
      x[i] = i % 3 == 0   ? math::from_bits<double>(random_bits())
             : i % 3 == 1 ? inside
                          : std::ldexp(inside, -static_cast<int>(60 * share()));
    }
    done += n;
    return n;
  });
}

template <class T>
Worst<T> worst_special(const MathFunction<T>& f) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> numbers;
  for (const T x : {T(0), Limits::denorm_min(), Limits::min(), T(0.5), T(0.625), T(0.6), T(1), T(2),
                    T(1000), Limits::max(), Limits::infinity()}) {
    numbers.push_back(x);
    numbers.push_back(-x);
  }
  numbers.push_back(Limits::quiet_NaN());
  bool given = false;
  return worst_of(f, [&](T* x) {
    std::copy(numbers.begin(), numbers.end(), x);
    return std::exchange(given, true) ? 0 : std::ssize(numbers);
  });
}

TEST_CASE("our functions are as near to the exact ones as the chapter says") {
  for (const MathFunction<float>& f : functions<float>()) {
    const Worst<float> worst = worst_float(f, 39'119);  // some 110 000 of them
    CAPTURE(f.name, worst.at);
    CHECK(worst.error <= f.most);
  }
  for (const MathFunction<double>& f : functions<double>()) {
    const Worst<double> worst = worst_double(f, 60'000);
    CAPTURE(f.name, worst.at);
    CHECK(worst.error <= f.most);
  }
}

TEST_CASE("our functions at NaN, infinities, zeros and the ends of the numbers") {
  for (const MathFunction<float>& f : functions<float>()) {
    const Worst<float> worst = worst_special(f);
    CAPTURE(f.name, worst.at);
    CHECK(worst.error <= f.most);
  }
  for (const MathFunction<double>& f : functions<double>()) {
    const Worst<double> worst = worst_special(f);
    CAPTURE(f.name, worst.at);
    CHECK(worst.error <= f.most);
  }
}

TEST_CASE("all floats", "[.all]") {
  for (const MathFunction<float>& f : functions<float>()) {
    const Worst<float> worst = worst_float(f, 1);
    fmt::print("{:10} {:.3f} ulp at {}\n", f.name, worst.error, worst.at);
    CHECK(worst.error <= f.most);
  }
}

TEST_CASE("a thousand million doubles", "[.all]") {
  for (const MathFunction<double>& f : functions<double>())
    DYNAMIC_SECTION(f.name) {  // one alone: -c and its name
      const Worst<double> worst = worst_double(f, 1'000'000'000);
      fmt::print("{:10} {:.3f} ulp at {}\n", f.name, worst.error, worst.at);
      CHECK(worst.error <= f.most);
    }
}

// --- the normal distribution, for activations ----------------------------------------------------

// Where both are normal numbers, and beyond.
template <class T>
void check_normal(double range) {
  constexpr double kMost = 7;  // ulp: they are made in T, in one go, with one division
  using W = Wider<T>;
  const W root = std::sqrt(W(0.5)), peak = std::numbers::inv_sqrtpi_v<W> * root;
  std::vector<T> x(60'001), below(x.size()), density(x.size());
  const auto middle = static_cast<double>(x.size() / 2);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double share = (static_cast<double>(i) - middle) / middle;  // more of them near 0
    x[i] = static_cast<T>(range * share * share * share);
  }
#pragma omp simd
  for (std::size_t i = 0; i < x.size(); ++i) {
    const math::Normal<T> normal = math::normal(x[i]);
    below[i] = normal.below;
    density[i] = normal.density;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(x[i]);
    REQUIRE(ulps<T>(below[i], std::erfc(-W(x[i]) * root) / 2) <= kMost);
    REQUIRE(ulps<T>(density[i], peak * std::exp(W(-0.5) * W(x[i]) * W(x[i]))) <= kMost);
  }
  constexpr T kInf = std::numeric_limits<T>::infinity();
  for (const T end : {T(range) * 100, std::numeric_limits<T>::max(), kInf}) {
    CHECK(math::normal(end).below == 1);
    CHECK(math::normal(-end).below == 0);
    CHECK(math::normal(end).density == 0);
  }
  CHECK(std::isnan(math::normal(math::kNaN<T>).below));
  CHECK(std::isnan(math::normal(math::kNaN<T>).density));
}

TEST_CASE("a normal number's distribution and density at once") {
  check_normal<float>(14);
  check_normal<double>(38);
}

// --- pow, of two numbers ----------------------------------------------------------------------

// Pairs whose power is neither 0 nor infinite, of all sizes; every seventh exponent is whole.
template <class T>
Worst<T> worst_power(Index count) {
  Rng rng(5);
  Worst<T> worst;
  for (Index i = 0; i < count; ++i) {
    const Tensor u = rng.uniform({2}, -1, 1);
    const double range = sizeof(T) == 4 ? 80 : 600;
    const T x = static_cast<T>(std::exp((i % 2 ? 1 : range) * double{u.data()[0]}));
    const double logarithm = std::abs(std::log(double{x}));
    T y = static_cast<T>(range / std::max(logarithm, 1e-9) * u.data()[1]);
    if (i % 7 == 0 && std::abs(y) > 1) y = std::round(y);
    const T power = math::pow(x, y);
    const double error = ulps<T>(power, std::pow(Wider<T>{x}, Wider<T>{y}));
    if (error > worst.error) worst = {error, x};
  }
  return worst;
}

TEST_CASE("powers are within two units of the last place") {
  CHECK(worst_power<float>(20'000).error <= kMostUlps);
  CHECK(worst_power<double>(20'000).error <= kMostUlps);
}

TEST_CASE("ten million powers", "[.all]") {
  const double of_floats = worst_power<float>(10'000'000).error;
  const double of_doubles = worst_power<double>(10'000'000).error;
  fmt::print("pow        {:.3f} ulp in float, {:.3f} in double\n", of_floats, of_doubles);
  CHECK(of_floats <= kMostUlps);
  CHECK(of_doubles <= kMostUlps);
}

template <class T>
void check_special_powers() {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  const T numbers[] = {
      0,   T(0.5), 1, 2, 3, T(2.5), 4, 1e30f, T(1e-30), T(4503599627370497.), T(9007199254740992.),
      kInf};
  for (const T a : numbers)
    for (const T b : numbers)
      for (const T x : {a, -a, std::numeric_limits<T>::quiet_NaN()})
        for (const T y : {b, -b, std::numeric_limits<T>::quiet_NaN()}) {
          CAPTURE(x, y, math::pow(x, y), std::pow(x, y));
          REQUIRE(ulps<T>(math::pow(x, y), std::pow(x, y)) <= kMostUlps);
        }
}

TEST_CASE("powers at NaN, infinities, zeros, of negative numbers, and with whole exponents") {
  check_special_powers<float>();
  check_special_powers<double>();
}

// --- Of turns -----------------------------------------------------------------------------------

TEST_CASE("sine and cosine of turns") {
  constexpr double kTurn = 2 * 3.14159265358979323846;
  for (Index i = 0; i <= 4096; ++i) {
    const auto x = static_cast<float>(i) / 4096;
    const long double angle = 2 * 3.14159265358979323846264338L * static_cast<long double>(x);
    CAPTURE(x);
    // Where the result is 0 the reference is not, as its angle is rounded.
    if (i % 1024 == 0) {
      CHECK(std::abs(math::sin_of_turns(x)) == (i % 2048 == 0 ? 0 : 1));
      CHECK(std::abs(math::cos_of_turns(x)) == (i % 2048 == 0 ? 1 : 0));
      continue;
    }
    CHECK(ulps<float>(math::sin_of_turns(x), std::sin(kTurn * double{x})) <= kMostUlps);
    CHECK(ulps<float>(math::cos_of_turns(x), std::cos(kTurn * double{x})) <= kMostUlps);
    CHECK(ulps<double>(math::sin_of_turns(double{x}), std::sin(angle)) <= kMostUlps);
    CHECK(ulps<double>(math::cos_of_turns(double{x}), std::cos(angle)) <= kMostUlps);
  }
}

// --- The parts ----------------------------------------------------------------------------------

TEST_CASE("what a sum and a product lose is exact") {
  const auto [sum, of_sum] = math::exact_sum(1., 0x1p-60);
  CHECK(sum == 1);
  CHECK(of_sum == 0x1p-60);
  const auto [swapped, of_swapped] = math::exact_sum(0x1p-60, 1.);
  CHECK(swapped == 1);
  CHECK(of_swapped == 0x1p-60);
  const double a = 1 + 0x1p-52, b = 1 - 0x1p-53;  // (1 + 2e)(1 - e) = 1 + e - 2 e^2,  e = 2^-53
  const auto [product, of_product] = math::exact_product(a, b);
  CHECK(product + of_product == product);
  CHECK(product - 1 == (product == 1 ? 0 : 0x1p-52));
  CHECK((product - 1) - 0x1p-53 + of_product == -0x1p-105);
}

}  // namespace
}  // namespace gradflow
