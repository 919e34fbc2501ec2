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

constexpr real kTiny = std::numeric_limits<real>::denorm_min();

struct Formula {
  const char* name;
  Var (*ours)(const Var&);
  double (*plain)(double);
  bool positive = false;  // defined for x > 0
  double scale = 0;       // the least size that an error is measured by
};

double plain_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// pow, clamp and leaky_relu at fixed parameters, which are exact in float.
const Formula kFunctions[] = {
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
    {"softplus", softplus, plain_softplus},
    {"expm1", expm1, [](double x) { return std::expm1(x); }},
    {"log1p", log1p, [](double x) { return std::log1p(x); }, true},
    {"logsigmoid", logsigmoid, [](double x) { return -plain_softplus(-x); }},
    // Far to the left their digits are fewer: a test of its own is below.
    {"normal_cdf", normal_cdf, plain_cdf, false, 1},
    {"gelu", gelu, [](double x) { return x * plain_cdf(x); }, false, 1},
    {"elu", [](const Var& x) { return elu(x, real(0.25)); },
     [](double x) { return x > 0 ? x : 0.25 * std::expm1(x); }},
    {"selu", selu,
     [](double x) {
       return 1.0507009873554804934193 * (x > 0 ? x : 1.6732632423543772848170 * std::expm1(x));
     }},
    {"relu", relu, [](double x) { return x > 0 || std::isnan(x) ? x : 0.0; }},
    {"leaky_relu", [](const Var& x) { return leaky_relu(x, real(0.125)); },
     [](double x) { return x > 0 ? x : 0.125 * x; }},
    {"silu", silu, [](double x) { return std::isinf(x) && x < 0 ? -0.0 : x / (1 + std::exp(-x)); }},
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

// The C library's vector functions are good to 4 units in the last place; sigmoid, softplus, silu
// and the like put three roundings on top of one of them.
constexpr double kRoundings = 8;

TEST_CASE("functions of ordinary numbers - vectors of every length") {
  for (const Formula& function : kFunctions) {
    CAPTURE(function.name);
    for (Index n = 0; n <= 40; ++n) {
      CAPTURE(n);
      Rng rng(1, static_cast<std::uint64_t>(n));
      const Tensor x =
          function.positive ? rng.uniform({n}, real(0.01), 20) : rng.uniform({n}, -20, 20);
      CHECK(difference(function.ours(x).value(), apply(function.plain, x), kRoundings,
                       function.scale) == "");
    }
  }
}

// Each extreme number stands at every place of a vector once: the vector functions take a special
// path for it, which must not harm its neighbours.
TEST_CASE("functions of extreme numbers") {
  const real extremes[] = {0,
                           real(-0.0),
                           kInfinity,
                           -kInfinity,
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
  for (const Formula& function : kFunctions) {
    for (const real extreme : extremes) {
      // silu is x / (1 + e^-x): at -inf that is inf / inf.
      CAPTURE(function.name, extreme);
      for (Index place = 0; place < n; ++place) {
        Tensor x = Rng(2).uniform({n}, real(0.5), 2);
        x.mutable_data()[place] = extreme;
        CAPTURE(place);
        CHECK(difference(function.ours(x).value(), apply(function.plain, x), kRoundings,
                         function.scale) == "");
      }
    }
  }
}

TEST_CASE("limits that are promised in words") {
  const auto at = [](Var (*f)(const Var&), real x) { return f(x).item(); };
  CHECK(at(softplus, real(1e30)) == real(1e30));  // where e^x overflows
  CHECK(at(softplus, real(-1e30)) == 0);
  CHECK(at(softplus, kInfinity) == kInfinity);
  CHECK(at(softplus, -kInfinity) == 0);
  CHECK(at(sigmoid, real(-1e30)) == 0);
  CHECK(at(sigmoid, real(1e30)) == 1);
  CHECK(at(silu, real(-1e30)) == 0);
  for (const Formula& function : kFunctions) {
    CAPTURE(function.name);
    CHECK(std::isnan(at(function.ours, kNan)));  // NaN is never hidden
  }
}

TEST_CASE("differences from 1 keep all digits near 0") {
  // As far as 1e-30, where 1 + x is 1: to first order both are x.
  for (real size = real(0.01f); size > real(1e-30f); size /= 10)
    for (const real x : {size, -size}) {
      CAPTURE(x);
      CHECK(close(expm1(x).item(), std::expm1(double{x}), 4));
      CHECK(close(log1p(x).item(), std::log1p(double{x}), 4));
      CHECK(close(expm1(log1p(x)).item(), x, 8));
    }
}

TEST_CASE("logarithms of probabilities keep their digits where the probability has none") {
  for (const real x : {real(-1e4), real(-1e6), real(-200)}) {
    CHECK(logsigmoid(x).item() == x);
    CHECK(close(logsigmoid(-x).item(), -std::exp(double{x}), 4));
  }
  // Logits a million away from 0: only differences between them count, and these are exact here.
  for (const real offset : {real(0), real(1e6), real(-1e6)}) {
    const Tensor x({3}, {offset, offset + 1, offset + 2});
    const double sum = 1 + std::exp(-1.0) + std::exp(-2.0);
    const Reference expected =
        reference({3}, [&](const Position& p) { return double(p[0]) - 2 - std::log(sum); });
    CHECK(difference(log_softmax(x, 0), expected, 8, 1) == "");
    Reference shares = expected;
    for (double& v : shares.values) v = std::exp(v);
    CHECK(difference(softmax(x, 0), shares, 16) == "");
  }
  const Tensor far({4}, {real(1e30f), 0, real(-1e30f), real(1e30f)});
  CHECK(difference(softmax(far, 0), Tensor({4}, {0.5f, 0, 0, 0.5f})) == "");
}

TEST_CASE("the normal distribution far to the left: relative errors grow as x squared") {
  for (real x = 0; x > -13; x -= real(0.25)) {
    CAPTURE(x);
    CHECK(close(normal_cdf(x).item(), plain_cdf(double{x}), 4 + double{x * x}));
    CHECK(close(gelu(x).item(), double{x} * plain_cdf(double{x}), 5 + double{x * x}));
  }
}

TEST_CASE("selu keeps mean 0 and variance 1 of standard normal numbers") {
  // What its two constants are for. A million numbers: five standard errors.
  const Tensor y = selu(Rng(7).normal({1000, 1000})).value();
  CHECK(std::abs(mean(y).item()) < 5e-3);
  CHECK(std::abs(variance(y).item() - 1) < 10e-3);
}

// --- Sums, at lengths where they could go wrong
// -----------------------------------------------------

TEST_CASE("equal numbers have the variance 0, exactly, and so is its gradient") {
  for (const real value :
       {real(100), real(-100), real(0.1), real(1) / 3, real(1e-20f), real(-3e7f)})
    for (const Index n : {1, 2, 3, 7, 1000, 1025, 100003}) {
      CAPTURE(value, n);
      for (const Shape& shape : {Shape{n}, {n, 2}, {2, n}}) {
        const int axis = shape.rank() == 2 && shape[0] == 2 && n != 2 ? 1 : 0;
        Tape tape;
        const Var x = tape.variable(Tensor(shape, value));
        const Var y = variance(x, axis);
        CHECK(difference(y, zeros(y.shape())) == "");
        CHECK(difference(tape.backward(sum(y))[x], zeros(shape)) == "");
        CHECK(variance(x.value()).item() == 0);
      }
    }
}

TEST_CASE("variances far from 0 keep their digits") {
  // (1000, 1001, 1002, 1003) over and over: 5/4, whatever the offset, if the mean is taken off
  // first.
  for (const Index n : {4, 4000, 400000}) {
    Tensor x(Shape{n, 2});
    for (Index i = 0; i < n; ++i)
      for (const Index k : {0, 1}) x.mutable_data()[2 * i + k] = real(1000 + i % 4 - 5000 * k);
    CHECK(difference(variance(x, 0), Reference{{2}, {1.25, 1.25}}, 8) == "");
  }
  // Neighbours, between which their mean is rounded to one of them.
  for (const real value : {real(1), real(1000), real(-0.1)}) {
    const real gap = std::nextafter(value, real(2000)) - value;
    CHECK(variance(Tensor({2}, {value, value + gap})).item() == gap * gap / 4);
  }
}

TEST_CASE("running sums are as exact as a sum in double, from either end, over any length") {
  for (const Index n : {1, 10, 1000, 100000, 1000000})
    for (const Index columns : {1, 2}) {
      CAPTURE(n, columns);
      const Tensor x = Rng(3).uniform({n, columns}, 0, 1);
      const Tensor first = cumsum(x, 0).value(), last = cumsum(x, 0, From::last).value();
      std::vector<double> sums(std::size_t(columns), 0.0);
      std::string wrong;
      for (Index i = 0; i < n; ++i)
        for (Index k = 0; k < columns; ++k) {
          double& sum = sums[std::size_t(k)] += x.at({i, k});
          if (!close(first.at({i, k}), sum, 0.5)) wrong = fmt::format("first, {}", i);
        }
      std::fill(sums.begin(), sums.end(), 0.0);
      for (Index i = n; i-- > 0;)
        for (Index k = 0; k < columns; ++k) {
          double& sum = sums[std::size_t(k)] += x.at({i, k});
          if (!close(last.at({i, k}), sum, 0.5)) wrong = fmt::format("last, {}", i);
        }
      CHECK(wrong == "");
    }
}

TEST_CASE("many rows that are added to one keep their digits") {
  constexpr Index n = 1000000;
  const Tensor index = zeros({n, 1});
  const Var y = add_along(Tensor({n, 1}, real(0.1f)), index, 2, 0);
  CHECK(difference(y, Reference{{2, 1}, {double{real(0.1f)} * n, 0}}, sizeof(real) == 8 ? n : 1) ==
        "");
  Tape tape;  // and so does the gradient of a row that is taken often
  const Var x = tape.variable(zeros({2, 1}));
  const Tensor dx = tape.backward(sum(real(0.1f) * take_along(x, index, 0)))[x].value();
  CHECK(difference(dx, reference(y.value()), sizeof(real) == 8 ? n : 1) == "");
}

TEST_CASE("a norm has a value wherever it has one, though the squares overflow or vanish") {
  const real largest = std::numeric_limits<real>::max(), least = std::numeric_limits<real>::min();
  for (const real scale : {real(1), largest / 8, least * 8, real(1e30f), real(1e-30f)}) {
    CAPTURE(scale);
    Tape tape;
    const Var x = tape.variable(Tensor({2}, {3 * scale, -4 * scale}));
    CHECK(close(norm(x).item(), 5 * double{scale}, 4));
    CHECK(difference(tape.backward(norm(x))[x], Reference{{2}, {0.6, -0.8}}, 4) == "");
  }
}

TEST_CASE("take_along takes another position in each row, add_along puts it back") {
  const Tensor x({{1, 2, 3}, {4, 5, 6}}), index({{2, 0}, {1, 1}});
  CHECK(difference(take_along(x, index, 1), Tensor({{3, 1}, {5, 5}})) == "");
  CHECK(difference(add_along(Tensor({{7, 8}, {9, 10}}), index, 3, 1),
                   Tensor({{8, 0, 7}, {0, 19, 0}})) == "");
}

TEST_CASE("a triangular system is solved: the product with the solution is the right side") {
  for (const Index n : {1, 2, 5, 40})
    for (const bool lower : {true, false})
      for (const Trans trans : {Trans::no, Trans::yes}) {
        CAPTURE(n, lower, trans == Trans::yes);
        Tensor L = zeros({n, n});
        const Tensor random = Rng(5).uniform({n, n}, -1, 1), B = Rng(6).uniform({n, 3}, -1, 1);
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < n; ++j)
            if (i == j || (i > j) == lower)
              L.mutable_data()[i * n + j] = i == j ? 2 : random.at({i, j}) / real(n);
        const Var X = solve_triangular(L, B, lower ? Triangle::lower : Triangle::upper, trans);
        CHECK(difference(matmul(L, X, trans), reference(B), double(n) + 2, 1) == "");
      }
}

TEST_CASE("pow at exponents with a meaning of their own") {
  const Tensor x({5}, {-2, -1, 0, 1, 3});
  CHECK(difference(pow(x, 0).value(), ones({5})) == "");
  CHECK(difference(pow(x, 1).value(), x) == "");
  CHECK(difference(pow(x, 2).value(), Tensor({5}, {4, 1, 0, 1, 9})) == "");
  CHECK(difference(pow(x, -1).value(), Tensor({5}, {real(-0.5), -1, kInfinity, 1, real(1) / 3})) ==
        "");
  CHECK(std::isnan(pow(x, real(0.5)).value().at({0})));
}

TEST_CASE("arithmetic is that of the processor") {
  const real numbers[] = {0,          real(-0.0), 1,     -1,    real(0.1), 3,     kInfinity,
                          -kInfinity, kNan,       kTiny, 1e30f, -1e30f,    1e-30f};
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
  CHECK(difference(clamp(Tensor({3}, {-1, 0, 1}), -kInfinity, 0).value(),
                   Tensor({3}, {-1, 0, 0})) == "");
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
    for (const real bad : {kInfinity, -kInfinity, kNan})
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
