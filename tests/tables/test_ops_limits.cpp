// Operations at the limits: what they do with 0, -0, infinity, NaN, denormals and huge numbers, at
// kinks and without elements; and what they say to arguments that do not fit.
//
// The first tables state it, number by number. Where a statement is a convention (the derivative of
// relu at NaN) or the price of a formula (that of silu at infinity), the comment says so.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/tables/declared_ops.h"
#include "tests/tables/ops_table.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

constexpr real kInf = std::numeric_limits<real>::infinity();
constexpr real kNan = std::numeric_limits<real>::quiet_NaN();
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
      {"relu(x)", [](const Var& x) { return relu(x); },  // NaN passes; its derivative is 0: it is not > 0
          {0,         0,          0,      0,     0,     tiny,              big,               inf,  nan},
          {0,         0,          0,      0,     0,     1,                 1,                 1,    0}},
      {"leaky_relu(x, slope)", [](const Var& x) { return leaky_relu(x, real(0.25)); },
          {-inf,      -big / 4,   0,      0,     0,     tiny,              big,               inf,  nan},
          {.25,       .25,        .25,    .25,   .25,   1,                 1,                 1,    .25}},
      {"silu(x)", [](const Var& x) { return silu(x); },  // at infinity the formulas are 0 times infinity
          {nan,       0,          -tiny / 2, 0,  0,     tiny / 2,          big,               inf,  nan},
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
};

// clang-format off
std::vector<Run> runs() {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double big = kBig, tiny = kTiny, third = 1.0 / 3;
  const double ln3 = std::log(3.0), ln12 = 2 + std::log1p(std::exp(-1.0));
  const double p1 = std::exp(1 - ln12), p2 = std::exp(2 - ln12);
  return {
      // x                     sum       mean      max    its slope              logsumexp  its slope
      {{kInf, 1, 2},           inf,      inf,      inf,   {1, 0, 0},             inf,       {nan, 0, 0}},
      {{-kInf, 1, 2},          -inf,     -inf,     2,     {0, 0, 1},             ln12,      {0, p1, p2}},
      {{1, kInf, -kInf},       nan,      nan,      inf,   {0, 1, 0},             inf,       {0, nan, 0}},
      {{-kInf, -kInf, -kInf},  -inf,     -inf,     -inf,  {third, third, third}, -inf,      {nan, nan, nan}},
      {{kInf, 1, kInf},        inf,      inf,      inf,   {.5, 0, .5},           inf,       {nan, 0, nan}},
      {{kNan, 1, 2},           nan,      nan,      nan,   {nan, nan, nan},       nan,       {nan, nan, nan}},
      {{1, 2, kNan},           nan,      nan,      nan,   {nan, nan, nan},       nan,       {nan, nan, nan}},
      {{kInf, kNan, -kInf},    nan,      nan,      nan,   {nan, nan, nan},       nan,       {nan, nan, nan}},
      {{kBig, 1, -2},          big,      big / 3,  big,   {1, 0, 0},             big,       {1, 0, 0}},
      {{-kBig, 1, 2},          -big,     -big / 3, 2,     {0, 0, 1},             ln12,      {0, p1, p2}},
      {{-kBig, -kBig, -kBig},  -3 * big, -big,     -big,  {third, third, third}, -big,      {third, third, third}},
      {{kTiny, -kTiny, 0},     0,        0,        tiny,  {1, 0, 0},             ln3,       {third, third, third}},
      {{real(-0.0), 0, real(-0.0)}, 0,   0,        0,     {third, third, third}, ln3,       {third, third, third}},
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
       [](const Run& run) { return run.logsumexp_slope; }}};
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

// --- All operations ------------------------------------------------------------------------------

bool is_linear(const std::string& name) {  // in each of its arguments
  static const std::set<std::string> names{
      "matmul", "linear", "sum",    "mean",        "reshape",      "transpose", "slice",
      "pad",    "concat", "gather", "scatter_add", "broadcast_to", "sum_to"};
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
  std::set<std::string> stated{"where(mask, a, b)"};
  for (const Statement& row : statements()) stated.insert(row.name);
  for (const OpCase& op : linear_rows()) stated.insert(op.name);
  for (const std::string name : {"max", "logsumexp"}) {
    stated.insert(name + "(x)");
    stated.insert(name + "(x, axis, keep)");
  }
  for (const std::string name :
       {"add", "sub", "mul", "div", "operator+", "operator-", "operator*", "operator/"})
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
  // Powers at 0.
  CHECK(difference(slope([](const Var& v) { return pow(v, 0); }, x), zeros({3})) == "");
  CHECK(difference(slope([](const Var& v) { return pow(v, 1); }, x), ones({3})) == "");
  CHECK(difference(slope([](const Var& v) { return pow(v, 2); }, x), Tensor({3}, {-2, 0, 4})) ==
        "");
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
  const Var x = ones({2, 3}), none = zeros({0}), no_rows = zeros({0, 3});
  constexpr const char* kAgree = " given; sizes must agree from the last axis on, or be 1";
  static std::vector<std::string> texts;  // those that are put together; never moved
  texts.reserve(100);
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
       "clamp: low nan and high 1 given; low must not exceed high"},
      {"mean(x)", [=] { return mean(none); },
       "mean: shape (0) given; at least one element is required"},
      {"max(x)", [=] { return max(none); },
       "max: shape (0) given; at least one element is required"},
      {"logsumexp(x)", [=] { return logsumexp(none); },
       "logsumexp: shape (0) given; at least one element is required"},
      {"mean(x, axis, keep)", [=] { return mean(no_rows, 0); },
       "mean: shape (0, 3) given; at least one element is required"},
      {"max(x, axis, keep)", [=] { return max(no_rows, 0); },
       "max: shape (0, 3) given; at least one element is required"},
      {"logsumexp(x, axis, keep)", [=] { return logsumexp(no_rows, 0); },
       "logsumexp: shape (0, 3) given; at least one element is required"},
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
      {"transpose(x, axis_a, axis_b)", [=](int a) { return transpose(x, a, 0); }},
      {"slice(x, axis, begin, end)", [=](int a) { return slice(x, a, 0, 1); }},
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
