// Values of the elementwise functions, against <cmath> in double: ordinary numbers in vectors of
// every length (the compiler's loop has a vector body and a scalar tail, and both must be right),
// and the extreme ones: zeros, infinities, NaN, denormals, huge and tiny numbers.

#include "autograd/ops.h"

#include <limits>

#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/reference.h"

namespace gradflow {
namespace {

constexpr real kInf = std::numeric_limits<real>::infinity();
constexpr real kNan = std::numeric_limits<real>::quiet_NaN();
constexpr real kTiny = std::numeric_limits<real>::denorm_min();

struct Function {
  const char* name;
  Var (*ours)(const Var&);
  double (*plain)(double);
  bool positive = false;  // defined for x > 0
};

// pow, clamp and leaky_relu at fixed parameters, which are exact in float.
const Function kFunctions[] = {
    {"neg", neg, [](double x) { return -x; }},
    {"exp", exp, [](double x) { return std::exp(x); }},
    {"log", log, [](double x) { return std::log(x); }, true},
    {"sqrt", sqrt, [](double x) { return std::sqrt(x); }, true},
    {"square", square, [](double x) { return x * x; }},
    {"pow 3", [](const Var& x) { return pow(x, 3); }, [](double x) { return std::pow(x, 3); }},
    {"pow -1.5", [](const Var& x) { return pow(x, real(-1.5)); },
     [](double x) { return std::pow(x, -1.5); }, true},
    {"sin", sin, [](double x) { return std::sin(x); }},
    {"cos", cos, [](double x) { return std::cos(x); }},
    {"abs", abs, [](double x) { return std::abs(x); }},
    {"tanh", tanh, [](double x) { return std::tanh(x); }},
    {"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"softplus", softplus,
     [](double x) { return x > 30 ? x + std::exp(-x) : std::log1p(std::exp(x)); }},
    {"relu", relu, [](double x) { return x > 0 || std::isnan(x) ? x : 0.0; }},
    {"leaky_relu", [](const Var& x) { return leaky_relu(x, real(0.125)); },
     [](double x) { return x > 0 ? x : 0.125 * x; }},
    {"silu", silu, [](double x) { return x / (1 + std::exp(-x)); }},
    {"clamp", [](const Var& x) { return clamp(x, real(-0.5), 1); },
     [](double x) { return x < -0.5 ? -0.5
                           : x > 1  ? 1.0
                                    : x; }},
};

Reference apply(double (*plain)(double), const Tensor& x) {
  Reference y = reference(x);
  for (double& value : y.values) value = plain(value);
  return y;
}

// The C library's vector functions are good to 4 units in the last place; sigmoid, softplus and
// silu put three roundings on top of one of them.
constexpr double kRoundings = 8;

TEST_CASE("functions of ordinary numbers - vectors of every length") {
  for (const Function& function : kFunctions) {
    CAPTURE(function.name);
    for (Index n = 0; n <= 40; ++n) {
      CAPTURE(n);
      Rng rng(1, static_cast<std::uint64_t>(n));
      const Tensor x =
          function.positive ? rng.uniform({n}, real(0.01), 20) : rng.uniform({n}, -20, 20);
      CHECK(difference(function.ours(x).value(), apply(function.plain, x), kRoundings) == "");
    }
  }
}

// Each extreme number stands at every place of a vector once: the vector functions take a special
// path for it, which must not harm its neighbours.
TEST_CASE("functions of extreme numbers") {
  const real extremes[] = {0,
                           real(-0.0),
                           kInf,
                           -kInf,
                           kNan,
                           kTiny,
                           -kTiny,
                           1e30f,
                           -1e30f,
                           1e-30f,
                           -1e-30f,
                           1,
                           -1,
                           88,
                           -88,
                           real(1e-5),
                           real(-1e-5),
                           200,
                           -200,
                           std::numeric_limits<real>::max(),
                           std::numeric_limits<real>::lowest(),
                           std::numeric_limits<real>::min(),
                           std::numeric_limits<real>::epsilon()};
  constexpr Index n = 19;  // two vectors of eight and a tail
  for (const Function& function : kFunctions) {
    for (const real extreme : extremes) {
      // silu is x / (1 + e^-x): at -inf that is inf / inf.
      CAPTURE(function.name, extreme);
      for (Index place = 0; place < n; ++place) {
        Tensor x = Rng(2).uniform({n}, real(0.5), 2);
        x.mutable_data()[place] = extreme;
        CAPTURE(place);
        CHECK(difference(function.ours(x).value(), apply(function.plain, x), kRoundings) == "");
      }
    }
  }
}

TEST_CASE("limits that are promised in words") {
  const auto at = [](Var (*f)(const Var&), real x) { return f(x).item(); };
  CHECK(at(softplus, real(1e30)) == real(1e30));  // where e^x overflows
  CHECK(at(softplus, real(-1e30)) == 0);
  CHECK(at(softplus, kInf) == kInf);
  CHECK(at(softplus, -kInf) == 0);
  CHECK(at(sigmoid, real(-1e30)) == 0);
  CHECK(at(sigmoid, real(1e30)) == 1);
  CHECK(at(silu, real(-1e30)) == 0);
  for (const Function& function : kFunctions) {
    CAPTURE(function.name);
    CHECK(std::isnan(at(function.ours, kNan)));  // NaN is never hidden
  }
}

TEST_CASE("pow at exponents with a meaning of their own") {
  const Tensor x({5}, {-2, -1, 0, 1, 3});
  CHECK(difference(pow(x, 0).value(), ones({5})) == "");
  CHECK(difference(pow(x, 1).value(), x) == "");
  CHECK(difference(pow(x, 2).value(), Tensor({5}, {4, 1, 0, 1, 9})) == "");
  CHECK(difference(pow(x, -1).value(), Tensor({5}, {real(-0.5), -1, kInf, 1, real(1) / 3})) == "");
  CHECK(std::isnan(pow(x, real(0.5)).value().at({0})));
}

TEST_CASE("arithmetic is that of the processor") {
  const real numbers[] = {0,     real(-0.0), 1,     -1,    real(0.1), 3,     kInf,
                          -kInf, kNan,       kTiny, 1e30f, -1e30f,    1e-30f};
  const auto n = std::ssize(numbers);
  const Tensor a = Tensor(Shape{n, 1}, numbers), b = Tensor(Shape{n}, numbers);
  const auto table = [&](auto f) {
    return reference({n, n},
                     [&](const Position& p) -> double { return f(numbers[p[0]], numbers[p[1]]); });
  };
  // One correctly rounded operation each: exact.
  CHECK(difference(add(a, b).value(), table([](real p, real q) { return p + q; }), 0) == "");
  CHECK(difference(sub(a, b).value(), table([](real p, real q) { return p - q; }), 0) == "");
  CHECK(difference(mul(a, b).value(), table([](real p, real q) { return p * q; }), 0) == "");
  CHECK(difference(div(a, b).value(), table([](real p, real q) { return p / q; }), 0) == "");
}

TEST_CASE("where chooses by mask - any number but 0 means a") {
  const Tensor mask({5}, {1, 0, -2, real(-0.0), kNan});
  CHECK(difference(where(mask, ones({5}), 7).value(), Tensor({5}, {1, 7, 1, 7, 1})) == "");
  // What is not chosen does not matter, even if it is NaN.
  CHECK(
      difference(where(Tensor({2}, {1, 0}), Tensor({2}, {3, kNan}), Tensor({2}, {kNan, 4})).value(),
                 Tensor({2}, {3, 4})) == "");
}

TEST_CASE("reshape names itself where a size is below 0") {
  CHECK(message_of<ShapeError>([] {
          reshape(ones({2, 3}), {2, -1});
        }) == "reshape: (2, -1) given; sizes are 0 or more");
}

TEST_CASE("clamp needs bounds in order") {
  CHECK(difference(clamp(Tensor({3}, {-1, 0, 1}), 0, 0).value(), zeros({3})) == "");
  CHECK(message_of<ShapeError>([] { clamp(ones({1}), 2, 1); }) ==
        "clamp: low 2 and high 1 given; low must not exceed high");
  CHECK_THROWS_AS(clamp(ones({1}), kNan, 1), ShapeError);
}

TEST_CASE("add_in_place writes to its own storage or to a copy of it") {
  Tensor a({3}, {1, 2, 3});
  const Tensor b({3}, {10, 20, 30});
  const real* const before = a.data();
  kernel::add_in_place(a, b);
  CHECK(a.data() == before);
  CHECK(difference(a, Tensor({3}, {11, 22, 33})) == "");

  const Tensor copy = a;
  kernel::add_in_place(a, a);  // the argument is the target
  CHECK(difference(a, Tensor({3}, {22, 44, 66})) == "");
  CHECK(difference(copy, Tensor({3}, {11, 22, 33})) == "");

  CHECK(message_of<ShapeError>([&] { kernel::add_in_place(a, ones({1})); }) ==
        "add_in_place: (3) and (1) given; the shapes must be equal");
}

TEST_CASE("all_finite finds one bad element anywhere") {
  for (const Index n : {1, 2, 7, 8, 9, 40}) {
    CHECK(all_finite(Tensor(Shape{n}, std::numeric_limits<real>::max())));  // whose sum is not
    for (const real bad : {kInf, -kInf, kNan})
      for (Index place = 0; place < n; ++place) {
        Tensor x = ones({n});
        x.mutable_data()[place] = bad;
        CHECK_FALSE(all_finite(x));
      }
  }
  CHECK(all_finite(Tensor()));
}

}  // namespace
}  // namespace gradflow
