// Operations at the limits: what they do with 0, -0, infinity, NaN, denormals and huge numbers, at
// kinks and without elements; and what they say to arguments that do not fit.
//
// The first tables state it, number by number. Where a statement is a convention (the derivative of
// relu at NaN) or the price of a formula (that of silu at infinity), the comment says so.

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <set>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/tables/declared_ops.h"
#include "tests/tables/ops_table.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

constexpr real kInf = kInfinity;  // short, for the tables below
constexpr real kTiny = std::numeric_limits<real>::denorm_min();
constexpr real kBig = real(1e30f);

void count(const char* check, const std::string& op) { counted("operations", check, op); }

Tensor column(std::initializer_list<real> values) { return {Shape{std::ssize(values)}, values}; }

// The gradient of sum(f) at x.
Tensor slope(const std::function<Var(const Var&)>& f, const Tensor& x) {
  Tape tape;
  const Var v = tape.variable(x);
  return tape.backward(sum(f(v)))[v].value();
}

// --- Functions of one number ---------------------------------------------------------------------

const real kExtremes[] = {-kInf, -kBig, -kTiny, real(-0.0), 0, kTiny, kBig, kInf, kNan};
constexpr std::size_t kCount = std::size(kExtremes);

struct Statement {
  const char* name;
  std::function<Var(const Var&)> f;
  double value[kCount];
  double slope[kCount];
};

// clang-format off
std::vector<Statement> statements() {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double big = kBig, tiny = kTiny, ln2 = 0.69314718055994530942;
  constexpr double top = 0.39894228040143267794;  // of the normal density: 1 / sqrt(2 pi)
  constexpr double scale = 1.0507009873554804934, low = scale * 1.6732632423543772848;
  const auto power = [](real p) { return [p](const Var& x) { return pow(x, p); }; };
  return {
      //   -inf       -1e30       -tiny   -0     0      tiny               1e30               inf   NaN
      {"neg(x)", [](const Var& x) { return neg(x); },
          {inf,       big,        tiny,   0,     0,     -tiny,             -big,              -inf, nan},
          {-1,        -1,         -1,     -1,    -1,    -1,                -1,                -1,   -1}},
      {"operator-(x)", [](const Var& x) { return -x; },
          {inf,       big,        tiny,   0,     0,     -tiny,             -big,              -inf, nan},
          {-1,        -1,         -1,     -1,    -1,    -1,                -1,                -1,   -1}},
      {"exp(x)", [](const Var& x) { return exp(x); },
          {0,         0,          1,      1,     1,     1,                 inf,               inf,  nan},
          {0,         0,          1,      1,     1,     1,                 inf,               inf,  nan}},
      {"log(x)", [](const Var& x) { return log(x); },  // derivative 1 / x, also where there is no value
          {nan,       nan,        nan,    -inf,  -inf,  std::log(tiny),    std::log(big),     inf,  nan},
          {0,         -1 / big,   -inf,   -inf,  inf,   inf,               1 / big,           0,    nan}},
      {"sqrt(x)", [](const Var& x) { return sqrt(x); },
          {nan,       nan,        nan,    0,     0,     std::sqrt(tiny),   std::sqrt(big),    inf,  nan},
          {nan,       nan,        nan,    -inf,  inf,   .5 / std::sqrt(tiny), .5 / std::sqrt(big), 0, nan}},
      {"square(x)", [](const Var& x) { return square(x); },
          {inf,       big * big,  0,      0,     0,     0,                 big * big,         inf,  nan},
          {-inf,      -2 * big,   -2 * tiny, 0,  0,     2 * tiny,          2 * big,           inf,  nan}},
      {"pow(x, exponent)", power(0),  // 1 and 0, whatever x is
          {1,         1,          1,      1,     1,     1,                 1,                 1,    1},
          {0,         0,          0,      0,     0,     0,                 0,                 0,    0}},
      {"pow(x, exponent)", power(1),
          {-inf,      -big,       -tiny,  0,     0,     tiny,              big,               inf,  nan},
          {1,         1,          1,      1,     1,     1,                 1,                 1,    1}},
      {"pow(x, exponent)", power(3),
          {-inf,      -big * big * big, 0, 0,    0,     0,                 big * big * big,   inf,  nan},
          {inf,       3 * big * big, 0,   0,     0,     0,                 3 * big * big,     inf,  nan}},
      {"pow(x, exponent)", power(-1),
          {0,         -1 / big,   -inf,   -inf,  inf,   inf,               1 / big,           0,    nan},
          {0,         -1 / big / big, -inf, -inf, -inf, -inf,              -1 / big / big,    0,    nan}},
      {"pow(x, exponent)", power(real(0.5)),  // unlike sqrt, C's pow(-inf, 0.5) is inf
          {inf,       nan,        nan,    0,     0,     std::sqrt(tiny),   std::sqrt(big),    inf,  nan},
          {0,         nan,        nan,    inf,   inf,   .5 / std::sqrt(tiny), .5 / std::sqrt(big), 0, nan}},
      {"sin(x)", [](const Var& x) { return sin(x); },
          {nan,       -std::sin(big), -tiny, 0,  0,     tiny,              std::sin(big),     nan,  nan},
          {nan,       std::cos(big), 1,   1,     1,     1,                 std::cos(big),     nan,  nan}},
      {"cos(x)", [](const Var& x) { return cos(x); },
          {nan,       std::cos(big), 1,   1,     1,     1,                 std::cos(big),     nan,  nan},
          {nan,       std::sin(big), tiny, 0,    0,     -tiny,             -std::sin(big),    nan,  nan}},
      {"abs(x)", [](const Var& x) { return abs(x); },
          {inf,       big,        tiny,   0,     0,     tiny,              big,               inf,  nan},
          {-1,        -1,         -1,     0,     0,     1,                 1,                 1,    nan}},
      {"tanh(x)", [](const Var& x) { return tanh(x); },
          {-1,        -1,         -tiny,  0,     0,     tiny,              1,                 1,    nan},
          {0,         0,          1,      1,     1,     1,                 0,                 0,    nan}},
      {"sigmoid(x)", [](const Var& x) { return sigmoid(x); },
          {0,         0,          .5,     .5,    .5,    .5,                1,                 1,    nan},
          {0,         0,          .25,    .25,   .25,   .25,               0,                 0,    nan}},
      {"softplus(x)", [](const Var& x) { return softplus(x); },
          {0,         0,          ln2,    ln2,   ln2,   ln2,               big,               inf,  nan},
          {0,         0,          .5,     .5,    .5,    .5,                1,                 1,    nan}},
      {"expm1(x)", [](const Var& x) { return expm1(x); },
          {-1,        -1,         -tiny,  0,     0,     tiny,              inf,               inf,  nan},
          {0,         0,          1,      1,     1,     1,                 inf,               inf,  nan}},
      {"log1p(x)", [](const Var& x) { return log1p(x); },  // derivative 1 / (1 + x), as for log
          {nan,       nan,        -tiny,  0,     0,     tiny,              std::log(big),     inf,  nan},
          {0,         -1 / big,   1,      1,     1,     1,                 1 / big,           0,    nan}},
      {"logsigmoid(x)", [](const Var& x) { return logsigmoid(x); },
          {-inf,      -big,       -ln2,   -ln2,  -ln2,  -ln2,              0,                 0,    nan},
          {1,         1,          .5,     .5,    .5,    .5,                0,                 0,    nan}},
      {"normal_cdf(x)", [](const Var& x) { return normal_cdf(x); },
          {0,         0,          .5,     .5,    .5,    .5,                1,                 1,    nan},
          {0,         0,          top,    top,   top,   top,               0,                 0,    nan}},
      {"gelu(x)", [](const Var& x) { return gelu(x); },  // at infinity the formulas are 0 times infinity
          {nan,       0,          -tiny / 2, 0,  0,     tiny / 2,          big,               inf,  nan},
          {nan,       0,          .5,     .5,    .5,    .5,                1,                 nan,  nan}},
      {"elu(x, alpha)", [](const Var& x) { return elu(x, real(0.25)); },
          {-.25,      -.25,       0,      0,     0,     tiny,              big,               inf,  nan},
          {0,         0,          .25,    .25,   .25,   1,                 1,                 1,    nan}},
      {"selu(x)", [](const Var& x) { return selu(x); },
          {-low,      -low,       0,      0,     0,     tiny,              scale * big,       inf,  nan},
          {0,         0,          low,    low,   low,   scale,             scale,             scale, nan}},
      {"relu(x)", [](const Var& x) { return relu(x); },  // NaN passes; its derivative is 0: it is not > 0
          {0,         0,          0,      0,     0,     tiny,              big,               inf,  nan},
          {0,         0,          0,      0,     0,     1,                 1,                 1,    0}},
      {"leaky_relu(x, slope)", [](const Var& x) { return leaky_relu(x, real(0.25)); },
          {-inf,      -big / 4,   0,      0,     0,     tiny,              big,               inf,  nan},
          {.25,       .25,        .25,    .25,   .25,   1,                 1,                 1,    .25}},
      {"silu(x)", [](const Var& x) { return silu(x); },  // its slope at infinity is 0 times infinity
          {0,         0,          -tiny / 2, 0,  0,     tiny / 2,          big,               inf,  nan},
          {nan,       0,          .5,     .5,    .5,    .5,                1,                 nan,  nan}},
      {"clamp(x, low, high)", [](const Var& x) { return clamp(x, real(-0.5), 1); },
          {-.5,       -.5,        -tiny,  0,     0,     tiny,              1,                 1,    nan},
          {0,         0,          1,      1,     1,     1,                 0,                 0,    0}},
  };
}
// clang-format on

// Alone, and at every place among ordinary numbers: vector functions take a special path for an
// extreme number, which must not harm its neighbours.
TEST_CASE("functions at extreme numbers - value and derivative are as stated", "[registry]") {
  constexpr double kRoundings = 8;
  constexpr Index n = 19;  // two vectors of eight and a tail
  for (const Statement& row : statements()) {
    for (std::size_t i = 0; i < kCount; ++i) {
      CAPTURE(row.name, kExtremes[i]);
      const Tensor alone = column({kExtremes[i]});
      CHECK(close(row.f(alone).value().item(), row.value[i], kRoundings));
      CHECK(close(slope(row.f, alone).item(), row.slope[i], kRoundings));
      const Tensor ordinary = linspace(real(0.6), real(0.9), n);
      const Tensor values = row.f(ordinary).value(), slopes = slope(row.f, ordinary);
      for (Index place = 0; place < n; ++place) {
        Tensor x = ordinary;
        x.mutable_data()[place] = kExtremes[i];
        Reference expected = reference(values), expected_slope = reference(slopes);
        expected.values[std::size_t(place)] = row.value[i];
        expected_slope.values[std::size_t(place)] = row.slope[i];
        CHECK(difference(row.f(x).value(), expected, kRoundings) == "");
        CHECK(difference(slope(row.f, x), expected_slope, kRoundings) == "");
      }
      count("extreme inputs: value and gradient as stated", row.name);
    }
  }
}

// --- Functions of two numbers --------------------------------------------------------------------

// One or two operations of the processor each, at all pairs of extreme and some ordinary numbers.
TEST_CASE("arithmetic at extreme numbers - value and derivatives are the processor's",
          "[registry]") {
  struct Row {
    const char* names[2];
    Var (*f)(const Var&, const Var&);
    Var (*symbol)(const Var&, const Var&);
    real (*value)(real, real);
    real (*by_a)(real, real);
    real (*by_b)(real, real);
  };
  const Row rows[] = {
      {{"add(a, b)", "operator+(a, b)"},
       add,
       operator+,
       [](real a, real b) { return a + b; },
       [](real, real) { return real(1); },
       [](real, real) { return real(1); }},
      {{"sub(a, b)", "operator-(a, b)"},
       sub,
       operator-,
       [](real a, real b) { return a - b; },
       [](real, real) { return real(1); },
       [](real, real) { return real(-1); }},
      {{"mul(a, b)", "operator*(a, b)"},
       mul,
       operator*,
       [](real a, real b) { return a * b; },
       [](real, real b) { return b; },
       [](real a, real) { return a; }},
      {{"div(a, b)", "operator/(a, b)"},
       div,
       operator/,
       [](real a, real b) { return a / b; },
       [](real, real b) { return 1 / b; },
       [](real a, real b) { return -(a / b / b); }},
      // Equal numbers share the gradient, -0 and 0 among them; beside NaN there is none.
      {{"minimum(a, b)"},
       minimum,
       nullptr,
       [](real a, real b) { return std::isnan(a + b) && a != -b ? kNan : std::min(a, b); },
       [](real a, real b) {
         return a < b ? 1 : a > b ? 0 : a == b ? real(0.5) : kNan;
       },
       [](real a, real b) {
         return a > b ? 1 : a < b ? 0 : a == b ? real(0.5) : kNan;
       }},
      {{"maximum(a, b)"},
       maximum,
       nullptr,
       [](real a, real b) { return std::isnan(a + b) && a != -b ? kNan : std::max(a, b); },
       [](real a, real b) {
         return a > b ? 1 : a < b ? 0 : a == b ? real(0.5) : kNan;
       },
       [](real a, real b) {
         return a < b ? 1 : a > b ? 0 : a == b ? real(0.5) : kNan;
       }},
  };
  std::vector<real> numbers(std::begin(kExtremes), std::end(kExtremes));
  numbers.insert(numbers.end(), {1, -3, std::numeric_limits<real>::max(), real(1e-30f)});
  const Index n = std::ssize(numbers) * std::ssize(numbers);
  Tensor a(Shape{n}), b(Shape{n});
  for (std::size_t i = 0; i < numbers.size(); ++i)
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      a.mutable_data()[i * numbers.size() + j] = numbers[i];
      b.mutable_data()[i * numbers.size() + j] = numbers[j];
    }
  for (const Row& row : rows)
    for (const bool symbol : {false, true}) {
      if (symbol && !row.symbol) continue;
      CAPTURE(row.names[symbol]);
      Tape tape;
      const Var va = tape.variable(a), vb = tape.variable(b);
      const Var y = symbol ? row.symbol(va, vb) : row.f(va, vb);
      const Gradients gradients = tape.backward(y, ones({n}));
      const auto expected = [&](real (*f)(real, real)) {
        Tensor result(Shape{n});
        for (Index i = 0; i < n; ++i) result.mutable_data()[i] = f(a.data()[i], b.data()[i]);
        return result;
      };
      CHECK(difference(y.value(), expected(row.value)) == "");
      CHECK(difference(gradients[va].value(), expected(row.by_a)) == "");
      CHECK(difference(gradients[vb].value(), expected(row.by_b)) == "");
      for (Index i = 0; i < n; ++i)
        count("extreme inputs: value and gradient as stated", row.names[symbol]);
    }
}

TEST_CASE("what where() does not choose has no influence, whatever it is", "[registry]") {
  for (const real chosen : kExtremes)
    for (const real other : kExtremes) {
      CAPTURE(chosen, other);
      Tape tape;
      const Var a = tape.variable(column({chosen, other})),
                b = tape.variable(column({other, chosen}));
      const Tensor mask = column({1, 0}), flipped = column({0, 1});
      const Var y = where(mask, a, b);
      CHECK(difference(y.value(), Tensor({2}, chosen)) == "");
      const Tensor dy =
          column({chosen, chosen});  // nor has an extreme gradient where there is none
      const Gradients gradients = tape.backward(y, dy);
      CHECK(difference(gradients[a].value(), column({chosen, 0})) == "");
      CHECK(difference(gradients[b].value(), column({0, chosen})) == "");
      count("extreme inputs: value and gradient as stated", "where(mask, a, b)");
    }
}

TEST_CASE("a function of which only one branch exists is masked twice") {
  const Tensor mask({2}, {1, 0}), x({2}, {4, -1});
  // sqrt of a negative number has 0 times infinity or NaN in its rule. The remedy is to mask its
  // argument, too.
  const auto root = [&](const Var& v) { return where(mask, sqrt(where(mask, v, 1)), 0); };
  CHECK(difference(slope(root, x), Tensor({2}, {0.25f, 0})) == "");
}

// --- Reductions ----------------------------------------------------------------------------------

struct Run {
  std::vector<real> x;  // three numbers
  double sum, mean, max;
  std::vector<double> max_slope;
  double logsumexp;
  std::vector<double> logsumexp_slope;
  double norm;
  std::vector<double> norm_slope;
  double variance;
  std::vector<double> variance_slope;
};

// clang-format off
std::vector<Run> runs() {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double big = kBig, tiny = kTiny, third = 1.0 / 3;
  const double root3 = std::sqrt(3.0);
  const std::vector<double> nans(3, nan);
  const double ln3 = std::log(3.0), ln12 = 2 + std::log1p(std::exp(-1.0));
  const double p1 = std::exp(1 - ln12), p2 = std::exp(2 - ln12);
  return {
      // x                     sum       mean      max    its slope              logsumexp  its slope
        // norm  its slope                 variance  its slope
      {{kInf, 1, 2},           inf,      inf,      inf,   {1, 0, 0},             inf,       {nan, 0, 0},
         inf, {nan, 0, 0},              nan, nans},
      {{-kInf, 1, 2},          -inf,     -inf,     2,     {0, 0, 1},             ln12,      {0, p1, p2},
         inf, {nan, 0, 0},              nan, nans},
      {{1, kInf, -kInf},       nan,      nan,      inf,   {0, 1, 0},             inf,       {0, nan, 0},
         inf, {0, nan, nan},            nan, nans},
      {{-kInf, -kInf, -kInf},  -inf,     -inf,     -inf,  {third, third, third}, -inf,      {nan, nan, nan},
         inf, nans,                     nan, nans},
      {{kInf, 1, kInf},        inf,      inf,      inf,   {.5, 0, .5},           inf,       {nan, 0, nan},
         inf, {nan, 0, nan},            nan, nans},
      {{kNan, 1, 2},           nan,      nan,      nan,   {nan, nan, nan},       nan,       {nan, nan, nan},
         nan, nans,                     nan, nans},
      {{1, 2, kNan},           nan,      nan,      nan,   {nan, nan, nan},       nan,       {nan, nan, nan},
         nan, nans,                     nan, nans},
      {{kInf, kNan, -kInf},    nan,      nan,      nan,   {nan, nan, nan},       nan,       {nan, nan, nan},
         nan, nans,                     nan, nans},
      {{kBig, 1, -2},          big,      big / 3,  big,   {1, 0, 0},             big,       {1, 0, 0},
         big, {1, 1 / big, -2 / big},   2 * big * big / 9, {4 * big / 9, -2 * big / 9, -2 * big / 9}},
      {{-kBig, 1, 2},          -big,     -big / 3, 2,     {0, 0, 1},             ln12,      {0, p1, p2},
         big, {-1, 1 / big, 2 / big},   2 * big * big / 9, {-4 * big / 9, 2 * big / 9, 2 * big / 9}},
      {{-kBig, -kBig, -kBig},  -3 * big, -big,     -big,  {third, third, third}, -big,      {third, third, third},
         root3 * big, {-1 / root3, -1 / root3, -1 / root3}, 0, {0, 0, 0}},
      {{kTiny, -kTiny, 0},     0,        0,        tiny,  {1, 0, 0},             ln3,       {third, third, third},
         tiny, {1, -1, 0},              0,   {0, 0, 0}},
      {{real(-0.0), 0, real(-0.0)}, 0,   0,        0,     {third, third, third}, ln3,       {third, third, third},
         0,   {0, 0, 0},                0,   {0, 0, 0}},
  };
}
// clang-format on

// Over everything; along the only axis; along the first of two and the last of two, where the other
// row or column is an ordinary one, which must not be harmed.
TEST_CASE("reductions of extreme numbers - value and derivative are as stated", "[registry]") {
  constexpr double kRoundings = 8;
  struct Reduction {
    std::string name;
    Var (*whole)(const Var&);
    Var (*along)(const Var&, int, KeepAxis);
    double Run::*value;
    std::function<std::vector<double>(const Run&)> slope;
  };
  const auto constant = [](double v) {
    return [v](const Run&) { return std::vector<double>(3, v); };
  };
  const Reduction reductions[] = {
      {"sum", sum, sum, &Run::sum, constant(1)},
      {"mean", mean, mean, &Run::mean, constant(1.0 / 3)},
      {"max", max, max, &Run::max, [](const Run& run) { return run.max_slope; }},
      {"logsumexp", logsumexp, logsumexp, &Run::logsumexp,
       [](const Run& run) { return run.logsumexp_slope; }},
      {"norm", norm, norm, &Run::norm, [](const Run& run) { return run.norm_slope; }},
      {"variance", variance, variance, &Run::variance,
       [](const Run& run) { return run.variance_slope; }}};
  for (const Reduction& op : reductions)
    for (const Run& run : runs()) {
      CAPTURE(op.name, run.x);
      const Tensor x(Shape{3}, run.x);
      const Reference value{{}, {run.*op.value}}, slopes{{3}, op.slope(run)};
      CHECK(difference(op.whole(x).value(), value, kRoundings, 1) == "");
      CHECK(difference(slope(op.whole, x), slopes, kRoundings) == "");
      count("extreme inputs: value and gradient as stated", op.name + "(x)");

      const auto along = [&](int axis) {
        return [&op, axis](const Var& v) { return op.along(v, axis, KeepAxis::no); };
      };
      CHECK(difference(along(0)(x).value(), value, kRoundings, 1) == "");
      CHECK(difference(slope(along(0), x), slopes, kRoundings) == "");
      const Tensor ordinary = column({real(0.5), 1, real(-0.25)});
      const Tensor rows =
          kernel::concat(std::vector<Tensor>{x.reshaped({1, 3}), ordinary.reshaped({1, 3})}, 0);
      for (const int axis : {0, 1}) {
        CAPTURE(axis);
        const Tensor both = axis == 1 ? rows : kernel::transpose(rows);
        const Tensor y = along(axis)(both).value();
        CHECK(close(y.at({0}), value.values[0], kRoundings, 1));
        CHECK(close(y.at({1}), op.whole(ordinary).item(), kRoundings, 1));
        const Tensor dx = slope(along(axis), both);
        const Tensor by_row = axis == 1 ? dx : kernel::transpose(dx);
        CHECK(difference(by_row.rows(0, 1).reshaped({3}), slopes, kRoundings) == "");
        CHECK(difference(by_row.rows(1, 2).reshaped({3}), reference(slope(op.whole, ordinary)),
                         kRoundings) == "");
      }
      count("extreme inputs: value and gradient as stated", op.name + "(x, axis, keep)");
    }
}

struct Shares {  // three numbers, their softmax and its logarithm
  std::vector<real> x;
  std::vector<double> softmax, log_softmax;
};

// clang-format off
std::vector<Shares> shares() {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double big = kBig, third = 1.0 / 3;
  const double ln2 = std::log(2.0), ln3 = std::log(3.0), l2 = -std::log1p(std::exp(-1.0)), l1 = l2 - 1;
  const double p1 = std::exp(l1), p2 = std::exp(l2);
  return {
      // x                     softmax                its logarithm
      {{kInf, 1, 2},           {nan, 0, 0},           {nan, -inf, -inf}},  // infinity over infinity
      {{1, kInf, -kInf},       {0, nan, 0},           {-inf, nan, -inf}},
      {{kInf, 1, kInf},        {nan, 0, nan},         {nan, -inf, nan}},
      {{-kInf, 1, 2},          {0, p1, p2},           {-inf, l1, l2}},
      {{-kInf, 1, -kInf},      {0, 1, 0},             {-inf, 0, -inf}},
      {{-kInf, -kInf, -kInf},  {nan, nan, nan},       {nan, nan, nan}},
      {{kNan, 1, 2},           {nan, nan, nan},       {nan, nan, nan}},
      {{1, 2, kNan},           {nan, nan, nan},       {nan, nan, nan}},
      {{kBig, 1, -2},          {1, 0, 0},             {0, -big, -big}},
      {{-kBig, 1, 2},          {0, p1, p2},           {-big, l1, l2}},
      {{kBig, -kBig, kBig},    {.5, 0, .5},           {-ln2, -2 * big, -ln2}},
      {{-kBig, -kBig, -kBig},  {third, third, third}, {-ln3, -ln3, -ln3}},
      {{kTiny, -kTiny, 0},     {third, third, third}, {-ln3, -ln3, -ln3}},
  };
}
// clang-format on

// Along the only axis, and along each of two, beside an ordinary row.
TEST_CASE("softmax of extreme numbers - value and derivative are as stated", "[registry]") {
  constexpr double kRoundings = 24;
  struct Row {
    const char* name;
    Var (*f)(const Var&, int);
    std::vector<double> Shares::*value;
    // The derivative of the first element by each, from the values.
    double (*slope)(const std::vector<double>& y, std::size_t i);
  };
  const Row rows[] = {
      {"softmax(x, axis)", softmax, &Shares::softmax,
       [](const std::vector<double>& y, std::size_t i) {
         const double chosen = 1 * y[0] + 0 * y[1] + 0 * y[2];  // NaN if one of them is
         return y[i] * ((i == 0) - chosen);
       }},
      {"log_softmax(x, axis)", log_softmax, &Shares::log_softmax,
       [](const std::vector<double>& y, std::size_t i) { return (i == 0) - std::exp(y[i]); }}};
  const Tensor ordinary({1, 3}, {real(0.5), 1, real(-0.25)});
  const Tensor weights({1, 3}, {1, 0, 0});
  for (const Row& op : rows)
    for (const Shares& row : shares()) {
      CAPTURE(op.name, row.x);
      const Tensor x({1, 3}, row.x);
      const Reference value{{1, 3}, row.*op.value};
      Reference slopes = value;
      for (std::size_t i = 0; i < 3; ++i) slopes.values[i] = op.slope(value.values, i);
      CHECK(difference(reshape(op.f(x.reshaped({3}), 0), {1, 3}), value, kRoundings) == "");
      const Tensor rows_of_x = kernel::concat(std::vector<Tensor>{x, ordinary}, 0);
      for (const int axis : {0, 1}) {
        CAPTURE(axis);
        const auto turned = [&](const Tensor& t) { return axis == 1 ? t : kernel::transpose(t); };
        Tape tape;
        const Var v = tape.variable(turned(rows_of_x));
        const Var y = op.f(v, axis);
        const Tensor dx = turned(tape.backward(sum(y * turned(weights)))[v].value());
        CHECK(difference(turned(y.value()).rows(0, 1), value, kRoundings) == "");
        CHECK(difference(turned(y.value()).rows(1, 2), reference(op.f(ordinary, 1).value()), 1) ==
              "");
        CHECK(difference(dx.rows(0, 1), slopes, kRoundings, 1) == "");
        CHECK(difference(
                  dx.rows(1, 2),
                  reference(slope([&](const Var& t) { return op.f(t, 1) * weights; }, ordinary)),
                  kRoundings, 1) == "");
      }
      count("extreme inputs: value and gradient as stated", op.name);
    }
}

// --- Triangular systems --------------------------------------------------------------------------

const char* const kSolve = "solve_triangular(L, B, triangle, trans, diagonal)";

TEST_CASE("what solve_triangular() does not read has no influence, whatever it is", "[registry]") {
  constexpr Index n = 4, m = 3;
  const Tensor B = Rng(1).uniform({n, m}, -1, 1), dX = Rng(2).uniform({n, m}, -1, 1);
  const Tensor whole =
      kernel::map("", Rng(3).uniform({n, n}, real(-0.5), real(0.5)), [](real v) { return v + 2; });
  for (const Triangle triangle : {Triangle::lower, Triangle::upper})
    for (const Trans trans : {Trans::no, Trans::yes})
      for (const Diagonal diagonal : {Diagonal::given, Diagonal::unit}) {
        const auto solved = [&](real unread) {  // X, dL, dB
          Tensor L = whole;
          for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < n; ++j)
              if (i == j ? diagonal == Diagonal::unit : (i > j) != (triangle == Triangle::lower))
                L.mutable_data()[i * n + j] = unread;
          Tape tape;
          const Var l = tape.variable(L), b = tape.variable(B);
          const Var X = solve_triangular(l, b, triangle, trans, diagonal);
          const Gradients gradients = tape.backward(X, dX);
          for (Index i = 0; i < n * n; ++i)
            if (!(L.data()[i] == whole.data()[i])) CHECK(gradients[l].value().data()[i] == 0);
          return std::array{X.value(), gradients[l].value(), gradients[b].value()};
        };
        const auto expected = solved(0);
        for (const real extreme : kExtremes) {
          CAPTURE(extreme);
          const auto found = solved(extreme);
          for (std::size_t k = 0; k < 3; ++k) CHECK(difference(found[k], expected[k]) == "");
          count("extreme inputs: value and gradient as stated", kSolve);
        }
      }
}

TEST_CASE("systems without a solution give what dividing by 0 gives, in their columns alone",
          "[registry]") {
  const Tensor L({{1, 0}, {2, 0}}), B({{1, 1, kNan}, {2, 5, 1}});
  const Tensor X = solve_triangular(L, B).value();
  CHECK(difference(X, Tensor({{1, 1, kNan}, {kNan, kInf, kNan}})) == "");  // 0 / 0 and 3 / 0
  count("extreme inputs: value and gradient as stated", kSolve);
}

// --- All operations ------------------------------------------------------------------------------

bool is_linear(const std::string& name) {  // in each of its arguments
  static const std::set<std::string> names{
      "matmul", "linear", "sum",    "mean",       "reshape",     "transpose",
      "slice",  "pad",    "concat", "gather",     "scatter_add", "broadcast_to",
      "sum_to", "cumsum", "split",  "take_along", "add_along"};
  return names.count(name.substr(0, name.find('('))) == 1;
}

// Some rows of every operation that is linear: those that come first in the table.
std::vector<OpCase> linear_rows() {
  std::vector<OpCase> result;
  std::map<std::string, int> taken;
  for (const OpCase& op : op_table())
    if (is_linear(op.name) && taken[op.name]++ < 12) result.push_back(op);
  return result;
}

// The derivatives of the result's elements by each element of each input, of an operation that is
// linear in it: what the plain form makes of one more.
using Slopes = std::vector<std::vector<double>>;
std::vector<Slopes> slopes_of_linear(const OpCase& op, const References& in) {
  const std::vector<double> before = op.plain(in).values;
  std::vector<Slopes> result(in.size());
  for (std::size_t k = 0; k < in.size(); ++k)
    for (std::size_t i = 0; i < in[k].values.size(); ++i) {
      References more = in;
      more[k].values[i] += 1;
      std::vector<double> slopes = op.plain(more).values;
      for (std::size_t j = 0; j < slopes.size(); ++j) slopes[j] -= before[j];
      result[k].push_back(slopes);
    }
  return result;
}

// An extreme number at one place of an input, or of the gradient that comes back, appears in the
// elements that depend on it, as it is in the plain form; and in no others.
TEST_CASE("matrices and rearrangements carry extreme numbers where they belong", "[registry]") {
  for (const OpCase& op : linear_rows()) {
    std::vector<Tensor> ordinary;
    for (const Shape& shape : op.shapes) {
      Tensor x(shape);
      for (Index i = 0; i < x.size(); ++i) x.mutable_data()[i] = real(1 + i % 3);
      ordinary.push_back(x);
    }
    const auto slopes = slopes_of_linear(op, references(ordinary));
    const double roundings = op.roundings.terms ? 12 : 0;
    for (const real extreme : kExtremes) {
      INFO(described(op));
      CAPTURE(extreme);
      for (std::size_t k = 0; k < ordinary.size(); ++k)
        for (Index i = 0; i < ordinary[k].size(); ++i) {
          std::vector<Tensor> at = ordinary;
          at[k].mutable_data()[i] = extreme;
          const Reference expected = op.plain(references(at));
          CHECK(difference(op.f(constants(at)).value(), expected, roundings) == "");
        }
      Tape tape;
      Vars xs;
      for (const Tensor& x : ordinary) xs.push_back(tape.variable(x));
      const Var y = op.f(xs);
      for (Index j = 0; j < y.value().size(); ++j) {
        Tensor dy = zeros(y.shape());
        dy.mutable_data()[j] = extreme;
        const Gradients gradients = tape.backward(y, dy);
        for (std::size_t k = 0; k < xs.size(); ++k) {
          const Tensor dx = gradients[xs[k]].value();
          Reference expected = reference(zeros(dx.shape()));
          for (std::size_t i = 0; i < expected.values.size(); ++i)
            if (const double c = slopes[k][i][std::size_t(j)]; c != 0)
              expected.values[i] = c * extreme;
          CHECK(difference(dx, expected, 16) == "");  // a third is the difference of two means
        }
      }
      count("extreme inputs: value and gradient as stated", op.name);
    }
  }
}

TEST_CASE("moving elements keeps the sign of zero") {
  const Tensor x({2, 2}, {real(-0.0), 0, 1, real(-0.0)});
  const auto signs = [](const Tensor& y) {
    std::string text;
    for (const real v : y.values()) text += std::signbit(v) ? '-' : '+';
    return text;
  };
  CHECK(signs(neg(Var(x)).value()) == "+--+");
  CHECK(signs(abs(Var(x)).value()) == "++++");
  CHECK(signs(transpose(Var(x)).value()) == "-++-");
  CHECK(signs(slice(Var(x), 1, 0, 1).value()) == "-+");
  CHECK(signs(concat(Vars{x, x}, 1).value()) == "-+-++-+-");
  CHECK(signs(gather(Var(x), {1, 0}).value()) == "+--+");
  CHECK(signs(broadcast_to(Var(x), {1, 2, 2}).value()) == "-++-");
  CHECK(signs(where(ones({1}), x, 1).value()) == "-++-");
}

TEST_CASE("every operation that ops.h declares has its extreme inputs stated", "[registry]") {
  std::set<std::string> stated{"where(mask, a, b)", "softmax(x, axis)", "log_softmax(x, axis)",
                               kSolve};
  for (const Statement& row : statements()) stated.insert(row.name);
  for (const OpCase& op : linear_rows()) stated.insert(op.name);
  for (const std::string name : {"max", "logsumexp", "norm", "variance"}) {
    stated.insert(name + "(x)");
    stated.insert(name + "(x, axis, keep)");
  }
  for (const std::string name : {"add", "sub", "mul", "div", "operator+", "operator-", "operator*",
                                 "operator/", "minimum", "maximum"})
    stated.insert(name + "(a, b)");
  CHECK(missing_from(stated, declared_ops()) == std::vector<std::string>{});
}

// --- Kinks and saturation ------------------------------------------------------------------------

TEST_CASE("derivatives at kinks are those that ops.h states") {
  const Tensor x({3}, {-1, 0, 2});
  CHECK(difference(slope([](const Var& v) { return abs(v); }, x), Tensor({3}, {-1, 0, 1})) == "");
  CHECK(difference(slope([](const Var& v) { return relu(v); }, x), Tensor({3}, {0, 0, 1})) == "");
  CHECK(difference(slope([](const Var& v) { return leaky_relu(v, real(0.25)); }, x),
                   Tensor({3}, {0.25f, 0.25f, 1})) == "");
  CHECK(difference(
            slope([](const Var& v) { return clamp(v, -1, 2); }, Tensor({5}, {-2, -1, 0, 2, 3})),
            Tensor({5}, {0, 1, 1, 1, 0})) == "");
  CHECK(difference(slope([](const Var& v) { return max(v); }, Tensor({5}, {3, 1, 3, 3, 3})),
                   Tensor({5}, {0.25f, 0, 0.25f, 0.25f, 0.25f})) == "");
  CHECK(difference(slope([](const Var& v) { return max(v, 1); }, Tensor({{1, 1}, {2, 1}})),
                   Tensor({{0.5f, 0.5f}, {1, 0}})) == "");
  CHECK(difference(slope([](const Var& v) { return maximum(v, 0); }, x),
                   Tensor({3}, {0, 0.5f, 1})) == "");
  CHECK(difference(slope([](const Var& v) { return minimum(v, 0); }, x),
                   Tensor({3}, {1, 0.5f, 0})) == "");
  CHECK(difference(slope([](const Var& v) { return maximum(v, v); }, x), ones({3})) == "");
  CHECK(difference(slope([](const Var& v) { return elu(v, real(0.25)); }, zeros({1})),
                   Tensor({1}, 0.25f)) == "");
  CHECK(difference(slope([](const Var& v) { return norm(v); }, zeros({3})), zeros({3})) == "");
  CHECK(difference(slope([](const Var& v) { return norm(v, 1); }, Tensor({{0, 0}, {3, 4}})),
                   reference(Tensor({{0, 0}, {real(0.6), real(0.8)}})), 2) == "");
  // Powers at 0.
  CHECK(difference(slope([](const Var& v) { return pow(v, 0); }, x), zeros({3})) == "");
  CHECK(difference(slope([](const Var& v) { return pow(v, 1); }, x), ones({3})) == "");
  CHECK(difference(slope([](const Var& v) { return pow(v, 2); }, x), Tensor({3}, {-2, 0, 4})) ==
        "");
}

// The second derivative of a norm is infinite at 0. What comes out is 0, and not NaN.
TEST_CASE("the norm at 0 has second derivatives that are finite") {
  Tape tape;
  const Var x = tape.variable(Tensor({{0, 0}, {3, 4}}));
  const Var dx = tape.backward(sum(norm(x, 1)), Record::yes)[x];
  const Tensor ddx = tape.backward(sum(dx * Tensor({2}, {1, 0})))[x].value();
  // Of (3, 4): (1 - 0.6^2) / 5 and -0.6 0.8 / 5.
  CHECK(difference(ddx, reference(Tensor({{0, 0}, {real(0.128), real(-0.096)}})), 8) == "");
}

TEST_CASE("derivatives stay finite where functions saturate") {
  const Tensor x({4}, {-1e30f, -200, 200, 1e30f});
  const Tensor step({4}, {0, 0, 1, 1}), flat = zeros({4});
  // At -200 the derivative is e^-200, which double still holds.
  const auto near = [&](const std::function<Var(const Var&)>& f, const Tensor& expected) {
    return difference(slope(f, x), reference(expected), 1, 1);
  };
  CHECK(near([](const Var& v) { return sigmoid(v); }, flat) == "");
  CHECK(near([](const Var& v) { return tanh(v); }, flat) == "");
  CHECK(near([](const Var& v) { return softplus(v); }, step) == "");
  CHECK(near([](const Var& v) { return silu(v); }, step) == "");
  CHECK(difference(slope([](const Var& v) { return logsumexp(v); }, Tensor({3}, {1000, 0, -1e30f})),
                   Tensor({3}, {1, 0, 0})) == "");
}

// --- Errors --------------------------------------------------------------------------------------

struct Refusal {
  const char* name;
  std::function<Var()> call;
  const char* message;
};

// Each way to give an operation what it cannot take, and all that it says then.
std::vector<Refusal> refusals() {
  const Var x = ones({2, 3}), no_rows = zeros({0, 3});
  constexpr const char* kAgree = " given; sizes must agree from the last axis on, or be 1";
  static std::deque<std::string> texts;  // those that are put together; never moved
  const auto text = [](const std::string& part) { return texts.emplace_back(part).c_str(); };
  const auto misfit = [&](const char* op) {
    return text(std::string(op) + ": (2, 3) and (2)" + kAgree);
  };
  std::vector<Refusal> list{
      {"add(a, b)", [=] { return add(x, ones({2})); }, misfit("add")},
      {"sub(a, b)", [=] { return sub(x, ones({2})); }, misfit("sub")},
      {"mul(a, b)", [=] { return mul(x, ones({2})); }, misfit("mul")},
      {"div(a, b)", [=] { return div(x, ones({2})); }, misfit("div")},
      {"operator+(a, b)", [=] { return x + ones({2}); }, misfit("add")},
      {"operator-(a, b)", [=] { return x - ones({2}); }, misfit("sub")},
      {"operator*(a, b)", [=] { return x * ones({2}); }, misfit("mul")},
      {"operator/(a, b)", [=] { return x / ones({2}); }, misfit("div")},
      {"minimum(a, b)", [=] { return minimum(x, ones({2})); }, misfit("minimum")},
      {"maximum(a, b)", [=] { return maximum(x, ones({2})); }, misfit("maximum")},
      {"where(mask, a, b)", [=] { return where(ones({2}), x, x); },
       text(std::string("where: (2) and (2, 3)") + kAgree)},
      {"where(mask, a, b)",
       [=] {
         return where(ones({3}), x, ones({2, 2}));
       },
       text(std::string("where: (2, 3) and (2, 2)") + kAgree)},
      {"clamp(x, low, high)", [=] { return clamp(x, 2, 1); },
       "clamp: low 2 and high 1 given; low must not exceed high"},
      {"clamp(x, low, high)", [=] { return clamp(x, kNan, 1); },
       "clamp: low nan given; a number is required"},
      {"clamp(x, low, high)", [=] { return clamp(x, 1, kNan); },
       "clamp: high nan given; a number is required"},
      {"pow(x, exponent)", [=] { return pow(x, kNan); },
       "pow: exponent nan given; a number is required"},
      {"leaky_relu(x, slope)", [=] { return leaky_relu(x, kNan); },
       "leaky_relu: slope nan given; a number is required"},
      {"elu(x, alpha)", [=] { return elu(x, kNan); }, "elu: alpha nan given; a number is required"},
      {"matmul(A, B, trans_a, trans_b)", [=] { return matmul(x, x); },
       "matmul: (2, 3) and (2, 3) given; (m, k) and (k, n) are required"},
      {"matmul(A, B, trans_a, trans_b)", [=] { return matmul(x, x, Trans::yes, Trans::yes); },
       "matmul: (2, 3)^T and (2, 3)^T given; (m, k) and (k, n) are required"},
      {"matmul(A, B, trans_a, trans_b)", [=] { return matmul(ones({3}), x); },
       "matmul: (3) and (2, 3) given; (m, k) and (k, n) are required"},
      {"matmul(A, B, trans_a, trans_b)", [=] { return matmul(x, ones({3})); },
       "matmul: (2, 3) and (3) given; (m, k) and (k, n) are required"},
      {"linear(x, W, b)",
       [=] {
         return linear(x, ones({4, 2}), ones({4}));
       },
       "linear: x (2, 3) and W (4, 2) given; x (B, in) and W (out, in) are required"},
      {"linear(x, W, b)",
       [=] {
         return linear(ones({3}), ones({4, 3}), ones({4}));
       },
       "linear: x (3) and W (4, 3) given; x (B, in) and W (out, in) are required"},
      {"linear(x, W, b)",
       [=] {
         return linear(x, ones({4, 3}), ones({3}));
       },
       "linear: b (3) given for W (4, 3); b (4) is required"},
      {kSolve, [=] { return solve_triangular(x, x); },
       "solve_triangular: L (2, 3) and B (2, 3) given; L (n, n) and B (n, m) are required"},
      {kSolve,
       [=] {
         return solve_triangular(ones({3, 3}), x);
       },
       "solve_triangular: L (3, 3) and B (2, 3) given; L (n, n) and B (n, m) are required"},
      {kSolve,
       [=] {
         return solve_triangular(ones({2, 2}), ones({2}));
       },
       "solve_triangular: L (2, 2) and B (2) given; L (n, n) and B (n, m) are required"},
      {kSolve,
       [=] {
         return solve_triangular(ones({1, 2, 2}), x);
       },
       "solve_triangular: L (1, 2, 2) and B (2, 3) given; L (n, n) and B (n, m) are required"},
      {"take_along(x, index, axis)",
       [=] {
         return take_along(x, ones({3, 3}), 1);
       },
       "take_along: an index (3, 3) for (2, 3) given; all axes but axis 1 must agree"},
      {"take_along(x, index, axis)", [=] { return take_along(x, ones({2}), 1); },
       "take_along: an index (2) for (2, 3) given; all axes but axis 1 must agree"},
      {"add_along(x, index, size, axis)",
       [=] {
         return add_along(x, ones({2, 1}), 4, 1);
       },
       "add_along: an index (2, 1) for (2, 3) given; the shapes must agree"},
      {"add_along(x, index, size, axis)",
       [=] {
         return add_along(x, zeros({2, 3}), -3, 1);
       },
       "add_along: size -3 given; 0 or more"},
      {"add_along(x, index, size, axis)",
       [=] {
         return add_along(zeros({2, 0}), zeros({2, 0}), -3, 1);
       },
       "add_along: size -3 given; 0 or more"},
      {"add_along(x, index, size, axis)",
       [=] {
         return add_along(zeros({2, 0}), zeros({2, 0}), Index{1} << 58, 1);
       },
       "add_along: (2, 288230376151711744) given; more elements than any memory can hold"},
      {"reshape(x, shape)", [=] { return reshape(x, {5}); },
       "reshape: (2, 3) to (5) given; the number of elements must stay 6"},
      {"transpose(x, axis_a, axis_b)", [=] { return transpose(x, 0, 2); },
       "transpose: axis 2 of a tensor of shape (2, 3) given; it has 2 axes"},
      {"slice(x, axis, begin, end)", [=] { return slice(x, 0, 1, 3); },
       "slice: 1 to 3 on axis 0 of shape (2, 3) given"},
      {"slice(x, axis, begin, end)", [=] { return slice(x, 1, 2, 1); },
       "slice: 2 to 1 on axis 1 of shape (2, 3) given"},
      {"slice(x, axis, begin, end)", [=] { return slice(x, 1, -1, 1); },
       "slice: -1 to 1 on axis 1 of shape (2, 3) given"},
      {"split(x, axis, at)", [=] { return split(x, 1, 4)[0]; },
       "split: at 4 on axis 1 of shape (2, 3) given"},
      {"split(x, axis, at)", [=] { return split(x, 1, -1)[0]; },
       "split: at -1 on axis 1 of shape (2, 3) given"},
      {"pad(x, axis, begin, size)", [=] { return pad(x, 0, 1, 2); },
       "pad: 2 positions from 1 on given; they must fit in 2"},
      {"pad(x, axis, begin, size)", [=] { return pad(x, 0, -1, 4); },
       "pad: 2 positions from -1 on given; they must fit in 4"},
      {"concat(parts, axis)",
       [=] {
         return concat({x, ones({3, 2})}, 0);
       },
       "concat: (2, 3) and (3, 2) given; all axes but axis 0 must agree"},
      {"concat(parts, axis)", [] { return concat(Vars{}, 0); },
       "concat: no tensors given; at least one is required"},
      {"gather(x, indices, axis)",
       [=] {
         return gather(x, {1, 2});
       },
       "gather: index 2 given; indices are 0 to 1"},
      {"gather(x, indices, axis)", [=] { return gather(x, {-1}); },
       "gather: index -1 given; indices are 0 to 1"},
      {"scatter_add(x, indices, size, axis)", [=] { return scatter_add(x, {0}, 2); },
       "scatter_add: 1 indices for 2 positions given; one for each"},
      {"scatter_add(x, indices, size, axis)",
       [=] {
         return scatter_add(x, {0, 2}, 2);
       },
       "scatter_add: index 2 given; indices are 0 to 1"},
      {"broadcast_to(x, shape)",
       [=] {
         return broadcast_to(x, {2, 2});
       },
       text(std::string("broadcast_to: (2, 3) and (2, 2)") + kAgree)},
      {"broadcast_to(x, shape)", [=] { return broadcast_to(x, {3}); },
       "broadcast_to: (2, 3) to (3) given; the first must broadcast to the second"},
      {"sum_to(x, shape)", [=] { return sum_to(x, {2}); },
       text(std::string("sum_to: (2, 3) and (2)") + kAgree)},
      {"sum_to(x, shape)",
       [=] {
         return sum_to(x, {1, 2, 3});
       },
       "sum_to: (2, 3) to (1, 2, 3) given; the second must broadcast to the first"},
  };
  // What has no meaning without elements names the shape that was given, whatever is done with it.
  struct Whole {
    const char* name;
    Var (*whole)(const Var&);
    Var (*along)(const Var&, int, KeepAxis);
  };
  const Whole reductions[] = {{"mean", mean, mean},
                              {"max", max, max},
                              {"logsumexp", logsumexp, logsumexp},
                              {"norm", norm, norm},
                              {"variance", variance, variance}};
  for (const auto& [name, whole, along] : reductions)
    for (const Shape& shape : {Shape{0}, {0, 3}, {3, 0}, {2, 0, 3}, {1, 2, 0, 1}}) {
      const char* message =
          text(fmt::format("{}: shape {} given; at least one element is required", name, shape));
      list.push_back(
          {text(name + std::string("(x)")), [=, f = whole] { return f(zeros(shape)); }, message});
      const int axis = int(std::find(shape.begin(), shape.end(), 0) - shape.begin());
      list.push_back({text(name + std::string("(x, axis, keep)")),
                      [=, f = along] { return f(zeros(shape), axis, KeepAxis::no); }, message});
    }
  list.push_back({"softmax(x, axis)", [=] { return softmax(no_rows, 0); },
                  "softmax: shape (0, 3) given; at least one element is required"});
  list.push_back({"log_softmax(x, axis)", [=] { return log_softmax(no_rows, 0); },
                  "log_softmax: shape (0, 3) given; at least one element is required"});

  // A position that there is not, or that is none.
  for (const auto& [index, shown] :
       {std::pair{real(-1), "-1"}, {3, "3"}, {real(0.5), "0.5"}, {kNan, "nan"}, {kInf, "inf"}}) {
    Tensor indices = zeros({2, 1});
    indices.mutable_data()[1] = index;
    const auto message = [&, shown = shown](const char* op) {
      return text(
          fmt::format("{}: index {} given; whole numbers from 0 to 2 are required", op, shown));
    };
    list.push_back({"take_along(x, index, axis)", [=] { return take_along(x, indices, 1); },
                    message("take_along")});
    list.push_back({"add_along(x, index, size, axis)",
                    [=] {
                      return add_along(ones({2, 1}), indices, 3, 1);
                    },
                    message("add_along")});
  }

  // Sizes that are no shape: the operation says so, which was asked for it, and not Shape.
  struct Shaped {
    const char* name;
    Var (*f)(const Var&, const WantedShape&);
  };
  for (const auto& [name, f] :
       {Shaped{"reshape", reshape}, {"broadcast_to", broadcast_to}, {"sum_to", sum_to}}) {
    const auto says = [&, name = name](const std::function<Var()>& call, const std::string& what) {
      list.push_back({text(name + std::string("(x, shape)")), call, text(name + (": " + what))});
    };
    says([=, f = f] { return f(x, {2, -1}); }, "(2, -1) given; sizes are 0 or more");
    says([=, f = f] { return f(x, {1, 1, 1, 2, 3}); }, "5 axes given; at most 4 are supported");
    says(
        [=, f = f] {
          return f(x, {Index{1} << 40, Index{1} << 40});
        },
        "(1099511627776, 1099511627776) given; more elements than any memory can hold");
  }

  // An axis that there is not, at either end.
  struct Axis {
    const char* name;
    std::function<Var(int)> call;
  };
  const Axis along[] = {
      {"sum(x, axis, keep)", [=](int a) { return sum(x, a); }},
      {"mean(x, axis, keep)", [=](int a) { return mean(x, a); }},
      {"max(x, axis, keep)", [=](int a) { return max(x, a); }},
      {"logsumexp(x, axis, keep)", [=](int a) { return logsumexp(x, a); }},
      {"norm(x, axis, keep)", [=](int a) { return norm(x, a); }},
      {"variance(x, axis, keep)", [=](int a) { return variance(x, a); }},
      {"softmax(x, axis)", [=](int a) { return softmax(x, a); }},
      {"log_softmax(x, axis)", [=](int a) { return log_softmax(x, a); }},
      {"cumsum(x, axis, from)", [=](int a) { return cumsum(x, a); }},
      {"take_along(x, index, axis)",
       [=](int a) {
         return take_along(x, zeros({2, 3}), a);
       }},
      {"add_along(x, index, size, axis)",
       [=](int a) {
         return add_along(x, zeros({2, 3}), 1, a);
       }},
      {"transpose(x, axis_a, axis_b)", [=](int a) { return transpose(x, a, 0); }},
      {"slice(x, axis, begin, end)", [=](int a) { return slice(x, a, 0, 1); }},
      {"split(x, axis, at)", [=](int a) { return split(x, a, 1)[0]; }},
      {"pad(x, axis, begin, size)", [=](int a) { return pad(x, a, 0, 9); }},
      {"concat(parts, axis)",
       [=](int a) {
         return concat({x, x}, a);
       }},
      {"gather(x, indices, axis)", [=](int a) { return gather(x, {0}, a); }},
      {"scatter_add(x, indices, size, axis)",
       [=](int a) {
         return scatter_add(x, {0, 1}, 2, a);
       }},
  };
  for (const Axis& op : along)
    for (const int axis : {2, -3}) {
      const std::string name(op.name);
      list.push_back(
          {op.name, [=] { return op.call(axis); },
           text(fmt::format("{}: axis {} of a tensor of shape (2, 3) given; it has 2 axes",
                            name.substr(0, name.find('(')), axis))});
    }
  return list;
}

TEST_CASE("each error message is the one that is stated, alike with and without a tape",
          "[registry]") {
  for (const Refusal& row : refusals()) {
    CAPTURE(row.name);
    CHECK(message_of<ShapeError>(row.call) == row.message);
    Tape tape;
    const Var recorded = tape.variable(ones({1}));
    CHECK(message_of<ShapeError>(row.call) == row.message);
    CHECK(tape.size() == 1);  // nothing half-made is left on it
    count("error messages", row.name);
  }
}

TEST_CASE("every operation that ops.h declares has its error messages stated, or has none",
          "[registry]") {
  std::set<std::string> stated{"sum(x)"};
  for (const Refusal& row : refusals()) stated.insert(row.name);
  // Functions of one tensor, element by element, take every tensor.
  for (const Statement& row : statements()) stated.insert(row.name);
  CHECK(missing_from(stated, declared_ops()) == std::vector<std::string>{});
}

}  // namespace
}  // namespace gradflow
