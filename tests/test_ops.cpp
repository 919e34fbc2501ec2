// Every operation of autograd/ops.h: its value, its derivative and its second derivative.
//
// The one idea: one table. A row is an operation at certain shapes, the same in plain double
// arithmetic, and where its random inputs are taken from. Everything else is the same for all rows:
// the value is compared with the plain one, the derivatives with differences
// (autograd/gradcheck.h). A last test reads ops.h and fails if a declaration has no row here.

#include "autograd/ops.h"

#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "autograd/gradcheck.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/declared_ops.h"
#include "tests/reference.h"

namespace gradflow {
namespace {

using Vars = std::vector<Var>;
using References = std::vector<Reference>;

// Where inputs lie. They are the points of an even grid, shuffled: no two of them are equal, and
// none is near 0 or another kink, so that the small steps of a difference do not cross one.
enum class Domain {
  any,       // -2 to 2
  positive,  // 0.5 to 2.5: for log, sqrt, odd powers
  nonzero,   // 0.5 to 2.5 in size, of either sign: for denominators
};

struct OpCase {
  std::string name;  // as declared: "sum(x, axis, keep)"
  std::vector<Shape> shapes;
  Function f;
  std::function<Reference(const References&)> plain;
  std::vector<Domain> domains = {};  // of each input; `any` if left out
};

Tensor input(const OpCase& op, std::size_t k) {
  const Domain domain = k < op.domains.size() ? op.domains[k] : Domain::any;
  Tensor x(op.shapes[k]);
  Rng rng(1, k);
  const std::vector<Index> cells = rng.permutation(x.size());
  const std::vector<Index> signs = rng.integers(2, x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const double t = (double(cells[std::size_t(i)]) + 0.3) / double(x.size());  // 0 to 1
    const double size = 0.5 + 2 * t;
    x.mutable_data()[i] =
        static_cast<real>(domain == Domain::any                                 ? 4 * t - 2
                          : domain == Domain::positive || signs[std::size_t(i)] ? size
                                                                                : -size);
  }
  return x;
}

std::vector<Tensor> inputs(const OpCase& op) {
  std::vector<Tensor> result;
  for (std::size_t k = 0; k < op.shapes.size(); ++k) result.push_back(input(op, k));
  return result;
}

Vars constants(const std::vector<Tensor>& values) { return {values.begin(), values.end()}; }

// --- The plain forms ---------------------------------------------------------------------------

template <class F>
std::function<Reference(const References&)> elementwise1(const F& f) {
  return [f](const References& in) {
    return reference(in[0].shape, [&](const Position& p) { return f(in[0][p]); });
  };
}

template <class F>
std::function<Reference(const References&)> elementwise2(const F& f) {
  return [f](const References& in) {
    const Shape shape = broadcast("test", in[0].shape, in[1].shape);
    return reference(shape, [&](const Position& p) {
      return f(broadcast_at(in[0], p, shape.rank()), broadcast_at(in[1], p, shape.rank()));
    });
  };
}

double plain_sum(const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double plain_mean(const std::vector<double>& x) { return plain_sum(x) / double(x.size()); }
double plain_max(const std::vector<double>& x) { return *std::max_element(x.begin(), x.end()); }
double plain_logsumexp(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += std::exp(v);
  return std::log(total);
}

Reference plain_matmul(const Reference& A, const Reference& B, bool ta, bool tb) {
  const Index m = A.shape[ta], k = A.shape[!ta], n = B.shape[!tb];
  return reference({m, n}, [&](const Position& c) {
    double total = 0;
    for (Index p = 0; p < k; ++p)
      total += (ta ? A[{p, c[0]}] : A[{c[0], p}]) * (tb ? B[{c[1], p}] : B[{p, c[1]}]);
    return total;
  });
}

// --- The table ---------------------------------------------------------------------------------

using Table = std::vector<OpCase>;

// Two operands in every pattern of broadcasting.
const std::pair<Shape, Shape> kPatterns[] = {
    {{2, 3}, {2, 3}},        // the same shape
    {{2, 3}, {3}},           // a row
    {{3}, {2, 3}},           //
    {{2, 3}, {1, 3}},        //
    {{2, 3}, {2, 1}},        // a column
    {{2, 1}, {2, 3}},        //
    {{2, 3}, {}},            // a scalar
    {{}, {2, 3}},            //
    {{}, {}},                //
    {{3}, {2, 1}},           // both are repeated
    {{2, 1, 3}, {4, 1}},     // rank 3
    {{2, 3, 2}, {3, 1}},     //
    {{1, 3, 1}, {2, 1, 2}},  //
    {{2, 3, 2}, {1, 1, 1}},  //
    {{0, 3}, {3}},           // no elements, but a gradient of zeros for the row
};

void add_arithmetic(Table& table) {
  struct Row {
    const char* names[2];
    Var (*f)(const Var&, const Var&);
    Var (*symbol)(const Var&, const Var&);
    double (*plain)(double, double);
    Domain second = Domain::any;
  };
  const Row rows[] = {
      {{"add(a, b)", "operator+(a, b)"}, add, operator+, [](double a, double b) { return a + b; }},
      {{"sub(a, b)", "operator-(a, b)"}, sub, operator-, [](double a, double b) { return a - b; }},
      {{"mul(a, b)", "operator*(a, b)"}, mul, operator*, [](double a, double b) { return a * b; }},
      {{"div(a, b)", "operator/(a, b)"},
       div,
       operator/,
       [](double a, double b) { return a / b; },
       Domain::nonzero},
  };
  for (const Row& row : rows)
    for (const auto& [a, b] : kPatterns) {
      const auto plain = elementwise2(row.plain);
      const std::vector<Domain> domains{Domain::any, row.second};
      table.push_back({row.names[0],
                       {a, b},
                       [row](const Vars& x) { return row.f(x[0], x[1]); },
                       plain,
                       domains});
      table.push_back({row.names[1],
                       {a, b},
                       [row](const Vars& x) { return row.symbol(x[0], x[1]); },
                       plain,
                       domains});
    }
  // One Var as both operands.
  table.push_back({"mul(a, b)",
                   {{2, 3}},
                   [](const Vars& x) { return mul(x[0], x[0]); },
                   elementwise1([](double x) { return x * x; })});
  table.push_back({"div(a, b)",
                   {{2, 3}},
                   [](const Vars& x) { return div(x[0], x[0]); },
                   elementwise1([](double) { return 1.0; }),
                   {Domain::nonzero}});
}

void add_elementwise(Table& table) {
  struct Row {
    const char* name;
    std::function<Var(const Var&)> f;
    double (*plain)(double);
    Domain domain = Domain::any;
  };
  const auto sigmoid_of = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto power = [](real p) { return [p](const Var& x) { return pow(x, p); }; };
  const Row rows[] = {
      {"neg(x)", [](const Var& x) { return neg(x); }, [](double x) { return -x; }},
      {"operator-(x)", [](const Var& x) { return -x; }, [](double x) { return -x; }},
      {"exp(x)", [](const Var& x) { return exp(x); }, [](double x) { return std::exp(x); }},
      {"log(x)", [](const Var& x) { return log(x); }, [](double x) { return std::log(x); },
       Domain::positive},
      {"sqrt(x)", [](const Var& x) { return sqrt(x); }, [](double x) { return std::sqrt(x); },
       Domain::positive},
      {"square(x)", [](const Var& x) { return square(x); }, [](double x) { return x * x; }},
      {"pow(x, exponent)", power(0), [](double) { return 1.0; }},
      {"pow(x, exponent)", power(1), [](double x) { return x; }},
      {"pow(x, exponent)", power(2), [](double x) { return x * x; }},
      {"pow(x, exponent)", power(3), [](double x) { return x * x * x; }},
      {"pow(x, exponent)", power(-1), [](double x) { return 1 / x; }, Domain::nonzero},
      {"pow(x, exponent)", power(real(0.5)), [](double x) { return std::sqrt(x); },
       Domain::positive},
      {"pow(x, exponent)", power(real(-1.5)), [](double x) { return std::pow(x, -1.5); },
       Domain::positive},
      {"sin(x)", [](const Var& x) { return sin(x); }, [](double x) { return std::sin(x); }},
      {"cos(x)", [](const Var& x) { return cos(x); }, [](double x) { return std::cos(x); }},
      {"abs(x)", [](const Var& x) { return abs(x); }, [](double x) { return std::abs(x); }},
      {"tanh(x)", [](const Var& x) { return tanh(x); }, [](double x) { return std::tanh(x); }},
      {"sigmoid(x)", [](const Var& x) { return sigmoid(x); }, sigmoid_of},
      {"softplus(x)", [](const Var& x) { return softplus(x); },
       [](double x) { return std::log1p(std::exp(x)); }},
      {"relu(x)", [](const Var& x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; }},
      {"leaky_relu(x, slope)", [](const Var& x) { return leaky_relu(x, real(0.25)); },
       [](double x) { return x > 0 ? x : 0.25 * x; }},
      {"leaky_relu(x, slope)", [](const Var& x) { return leaky_relu(x); },
       [](double x) { return x > 0 ? x : 0.01 * x; }},
      {"silu(x)", [](const Var& x) { return silu(x); },
       [](double x) { return x / (1 + std::exp(-x)); }},
      {"clamp(x, low, high)", [](const Var& x) { return clamp(x, real(-0.5), 1); },
       [](double x) { return std::min(std::max(x, -0.5), 1.0); }},
  };
  for (const Row& row : rows)
    for (const Shape& shape : {Shape{}, {12}, {4, 3}, {2, 3, 2}, {0, 2}})
      table.push_back({row.name,
                       {shape},
                       [f = row.f](const Vars& x) { return f(x[0]); },
                       elementwise1(row.plain),
                       {row.domain}});
}

void add_where(Table& table) {
  struct Row {
    Shape mask, a, b;
  };
  const Row rows[] = {{{2, 3}, {2, 3}, {2, 3}}, {{3}, {2, 3}, {2, 1}},    {{2, 1}, {3}, {}},
                      {{2, 3}, {}, {}},         {{2, 3, 2}, {3, 1}, {2}}, {{}, {2, 3}, {3}}};
  for (const Row& row : rows) {
    Tensor mask(row.mask);
    for (Index i = 0; i < mask.size(); ++i) mask.mutable_data()[i] = real(i % 2);
    table.push_back(
        {"where(mask, a, b)",
         {row.a, row.b},
         [mask](const Vars& x) { return where(mask, x[0], x[1]); },
         [m = reference(mask)](const References& in) {
           const Shape shape = broadcast("", broadcast("", m.shape, in[0].shape), in[1].shape);
           return reference(shape, [&](const Position& p) {
             const int rank = shape.rank();
             return broadcast_at(broadcast_at(m, p, rank) != 0 ? in[0] : in[1], p, rank);
           });
         }});
  }
}

void add_reductions(Table& table) {
  struct Row {
    std::string name;
    Var (*whole)(const Var&);
    Var (*along)(const Var&, int, KeepAxis);
    double (*plain)(const std::vector<double>&);
  };
  const Row rows[] = {{"sum", sum, sum, plain_sum},
                      {"mean", mean, mean, plain_mean},
                      {"max", max, max, plain_max},
                      {"logsumexp", logsumexp, logsumexp, plain_logsumexp}};
  for (const Row& row : rows)
    for (const Shape& shape : {Shape{}, {5}, {2, 3}, {3, 1}, {2, 3, 2}}) {
      table.push_back({row.name + "(x)",
                       {shape},
                       [f = row.whole](const Vars& x) { return f(x[0]); },
                       [row](const References& in) {
                         return Reference{{}, {row.plain(in[0].values)}};
                       }});
      for (int axis = -shape.rank(); axis < shape.rank(); ++axis)
        for (const KeepAxis keep : {KeepAxis::no, KeepAxis::yes}) {
          const int a = axis < 0 ? axis + shape.rank() : axis;
          table.push_back({row.name + "(x, axis, keep)",
                           {shape},
                           [=](const Vars& x) { return row.along(x[0], axis, keep); },
                           [=](const References& in) {
                             Reference y = reference(shape.without(a), [&](const Position& p) {
                               std::vector<double> run;
                               for (Index i = 0; i < shape[a]; ++i)
                                 run.push_back(in[0][inserted(p, a, i)]);
                               return row.plain(run);
                             });
                             if (keep == KeepAxis::yes) y.shape = shape.with(a, 1);
                             return y;
                           }});
        }
    }
  table.push_back({"sum(x)",
                   {{0, 3}},
                   [](const Vars& x) { return sum(x[0]); },
                   [](const References&) {
                     return Reference{{}, {0}};
                   }});
}

void add_matrices(Table& table) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const auto& [m, k, n] :
           {std::array{2, 3, 4}, {3, 3, 3}, {1, 4, 1}, {2, 1, 3}, {2, 0, 3}})
        table.push_back(
            {"matmul(A, B, trans_a, trans_b)",
             {ta ? Shape{k, m} : Shape{m, k}, tb ? Shape{n, k} : Shape{k, n}},
             [ta, tb](const Vars& x) {
               return matmul(x[0], x[1], ta ? Trans::yes : Trans::no, tb ? Trans::yes : Trans::no);
             },
             [ta, tb](const References& in) { return plain_matmul(in[0], in[1], ta, tb); }});
  for (const auto& [batch, in_size, out] : {std::array{4, 3, 2}, {1, 1, 1}, {2, 2, 2}, {3, 2, 5}})
    table.push_back({"linear(x, W, b)",
                     {{batch, in_size}, {out, in_size}, {out}},
                     [](const Vars& x) { return linear(x[0], x[1], x[2]); },
                     [](const References& in) {
                       Reference y = plain_matmul(in[0], in[1], false, true);
                       for_each_position(y.shape,
                                         [&](const Position& p) { y[p] += in[2][Position{p[1]}]; });
                       return y;
                     }});
}

// The index of p on an axis.
Index on(const Position& p, int axis) { return p[static_cast<std::size_t>(axis)]; }

void add_rearrangements(Table& table) {
  for (const auto& [from, to] :
       {std::pair<Shape, Shape>{{2, 6}, {3, 4}}, {{4}, {2, 1, 2}}, {{}, {1, 1}}, {{2, 3}, {6}}})
    table.push_back({"reshape(x, shape)",
                     {from},
                     [shape = to](const Vars& x) { return reshape(x[0], shape); },
                     [shape = to](const References& in) {
                       return Reference{shape, in[0].values};
                     }});

  const Shape shape{2, 3, 4};
  for (int axis = -3; axis < 3; ++axis) {
    const int a = axis < 0 ? axis + 3 : axis;
    const Index n = shape[a];
    for (int other = -3; other < 3; ++other)
      table.push_back({"transpose(x, axis_a, axis_b)",
                       {shape},
                       [=](const Vars& x) { return transpose(x[0], axis, other); },
                       [=, b = other < 0 ? other + 3 : other](const References& in) {
                         return reference(shape.with(a, shape[b]).with(b, n), [&](Position p) {
                           std::swap(p[std::size_t(a)], p[std::size_t(b)]);
                           return in[0][p];
                         });
                       }});
    for (const auto& [begin, end] : {std::pair{0, 2}, {1, 2}, {0, 0}, {int(n) - 1, int(n)}}) {
      table.push_back({"slice(x, axis, begin, end)",
                       {shape},
                       [=, b = begin, e = end](const Vars& x) { return slice(x[0], axis, b, e); },
                       [=, b = begin, e = end](const References& in) {
                         return reference(shape.with(a, e - b), [&](const Position& p) {
                           return in[0][with(p, a, on(p, a) + b)];
                         });
                       }});
      table.push_back({"pad(x, axis, begin, size)",
                       {shape},
                       [=, b = begin](const Vars& x) { return pad(x[0], axis, b, n + b + 1); },
                       [=, b = begin](const References& in) {
                         return reference(shape.with(a, n + b + 1), [&](const Position& p) {
                           const Index i = on(p, a) - b;
                           return i >= 0 && i < n ? in[0][with(p, a, i)] : 0;
                         });
                       }});
    }
    // Parts of n, 1, 0 and again n positions.
    table.push_back({"concat(parts, axis)",
                     {shape, shape.with(a, 1), shape.with(a, 0), shape},
                     [=](const Vars& x) { return concat(x, axis); },
                     [=](const References& in) {
                       return reference(shape.with(a, 2 * n + 1), [&](const Position& p) {
                         Index i = on(p, a);
                         std::size_t part = 0;
                         for (; i >= in[part].shape[a]; ++part) i -= in[part].shape[a];
                         return in[part][with(p, a, i)];
                       });
                     }});
    const std::vector<Index> picked{n - 1, 0, n - 1, n - 1};  // once, often, and some never
    table.push_back({"gather(x, indices, axis)",
                     {shape},
                     [=](const Vars& x) { return gather(x[0], picked, axis); },
                     [=](const References& in) {
                       return reference(shape.with(a, 4), [&](const Position& p) {
                         return in[0][with(p, a, picked[std::size_t(on(p, a))])];
                       });
                     }});
    table.push_back({"scatter_add(x, indices, size, axis)",
                     {shape.with(a, 4)},
                     [=](const Vars& x) { return scatter_add(x[0], picked, n + 1, axis); },
                     [=](const References& in) {
                       Reference y =
                           reference(shape.with(a, n + 1), [](const Position&) { return 0.0; });
                       for_each_position(in[0].shape, [&](const Position& p) {
                         y[with(p, a, picked[std::size_t(on(p, a))])] += in[0][p];
                       });
                       return y;
                     }});
  }

  const Shape wide{2, 3, 4};
  for (const Shape& narrow : {Shape{2, 3, 4}, {2, 1, 4}, {1, 3, 1}, {3, 4}, {3, 1}, {4}, {1}, {}}) {
    table.push_back({"broadcast_to(x, shape)",
                     {narrow},
                     [=](const Vars& x) { return broadcast_to(x[0], wide); },
                     [=](const References& in) {
                       return reference(wide, [&](const Position& p) {
                         return broadcast_at(in[0], p, wide.rank());
                       });
                     }});
    table.push_back({"sum_to(x, shape)",
                     {wide},
                     [=](const Vars& x) { return sum_to(x[0], narrow); },
                     [=](const References& in) {
                       Reference y = reference(narrow, [](const Position&) { return 0.0; });
                       const int shift = wide.rank() - narrow.rank();
                       for_each_position(wide, [&](const Position& p) {
                         Position q{};
                         for (int axis = 0; axis < narrow.rank(); ++axis)
                           q = with(q, axis, narrow[axis] == 1 ? 0 : on(p, axis + shift));
                         y[q] += in[0][p];
                       });
                       return y;
                     }});
  }
}

const Table& table() {
  static const Table rows = [] {
    Table result;
    add_arithmetic(result);
    add_elementwise(result);
    add_where(result);
    add_reductions(result);
    add_matrices(result);
    add_rearrangements(result);
    return result;
  }();
  return rows;
}

std::string described(const OpCase& op) {
  std::string text = op.name + " of";
  for (const Shape& shape : op.shapes) text += fmt::format(" {}", to_string(shape));
  return text;
}

// --- The tests ---------------------------------------------------------------------------------

// No row has more than 24 terms to add, nor a function that is worse than 8 roundings; the terms of
// a sum that may cancel are at most 6.25 in size (2.5 squared).
TEST_CASE("every operation has the value of its plain form") {
  for (const OpCase& op : table()) {
    INFO(described(op));
    References plain;
    for (const Tensor& x : inputs(op)) plain.push_back(reference(x));
    CHECK(difference(op.f(constants(inputs(op))).value(), op.plain(plain), 24, 6.25) == "");
  }
}

TEST_CASE("every operation has the same value with and without a tape") {
  for (const OpCase& op : table()) {
    INFO(described(op));
    const Var free = op.f(constants(inputs(op)));
    CHECK_FALSE(free.tracked());
    Tape tape;
    Vars variables;
    for (const Tensor& x : inputs(op)) variables.push_back(tape.variable(x));
    const Var recorded = op.f(variables);
    CHECK(recorded.tracked());
    CHECK(difference(recorded.value(), free.value()) == "");
  }
}

TEST_CASE("every operation has the right derivative") {
  for (const OpCase& op : table()) {
    INFO(described(op));
    const GradcheckResult result = gradcheck(op.f, inputs(op));
    INFO(result.report);
    CHECK(result.passed);
  }
}

TEST_CASE("every operation has the right second derivative") {
  for (const OpCase& op : table()) {
    INFO(described(op));
    const GradcheckResult result = gradgradcheck(op.f, inputs(op));
    INFO(result.report);
    CHECK(result.passed);
  }
}

// Arguments may be constants: then their rules are left out, and the others must still be right.
TEST_CASE("every operation of several arguments with only one of them differentiated") {
  for (const OpCase& op : table()) {
    if (op.shapes.size() < 2) continue;
    const std::vector<Tensor> at = inputs(op);
    for (std::size_t k = 0; k < at.size(); ++k) {
      INFO(described(op) << ", argument " << k);
      const Function one = [&](const Vars& x) {
        Vars arguments = constants(at);
        arguments[k] = x[0];
        return op.f(arguments);
      };
      const GradcheckResult result = gradcheck(one, {at[k]});
      INFO(result.report);
      CHECK(result.passed);
    }
  }
}

// The gradient of sum(f) at x.
Tensor slope(const std::function<Var(const Var&)>& f, const Tensor& x) {
  Tape tape;
  const Var v = tape.variable(x);
  return tape.backward(sum(f(v)))[v].value();
}

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

TEST_CASE("what is masked out has no influence - not even NaN") {
  const Tensor mask({2}, {1, 0}), x({2}, {4, -1});
  const Tensor nan({2}, std::numeric_limits<real>::quiet_NaN());
  const auto choice = [&](const Var& v) { return where(mask, v, nan); };
  CHECK(choice(x).value().at({0}) == 4);
  CHECK(difference(slope(choice, x), mask) == "");
  // A function of which only one branch exists, sqrt of a negative number, has 0 times infinity or
  // NaN in its rule. The remedy is to mask its argument, too.
  const auto root = [&](const Var& v) { return where(mask, sqrt(where(mask, v, 1)), 0); };
  CHECK(difference(slope(root, x), Tensor({2}, {0.25f, 0})) == "");
}

TEST_CASE("numbers and tensors stand where a Var is asked for") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {2, 4}));
  CHECK(difference((2 * x).value(), Tensor({2}, {4, 8})) == "");
  CHECK(difference((x - 1).value(), Tensor({2}, {1, 3})) == "");
  CHECK(difference((1 / x).value(), Tensor({2}, {0.5f, 0.25f})) == "");
  CHECK(difference((x + Tensor({2}, {10, 20})).value(), Tensor({2}, {12, 24})) == "");
  CHECK(difference(where(Tensor({2}, {1, 0}), x, 7).value(), Tensor({2}, {2, 7})) == "");
}

TEST_CASE("errors name the operation") {
  const Var x = ones({2, 3});
  const auto error = [](const std::function<Var()>& f) { return message_of<ShapeError>(f); };
  CHECK(contains(error([&] { return x + ones({2}); }), "add: (2, 3) and (2) given"));
  CHECK(contains(error([&] { return x - ones({2}); }), "sub: "));
  CHECK(contains(error([&] { return x * ones({2}); }), "mul: "));
  CHECK(contains(error([&] { return x / ones({2}); }), "div: "));
  CHECK(contains(error([&] { return where(ones({2}), x, x); }), "where: "));
  CHECK(contains(error([&] { return clamp(x, 2, 1); }), "clamp: "));
  CHECK(contains(error([&] { return sum(x, 2); }), "sum: axis 2"));
  CHECK(contains(error([&] { return mean(x, 2); }), "mean: axis 2"));
  CHECK(contains(error([&] { return max(x, -3); }), "max: axis -3"));
  CHECK(contains(error([&] { return logsumexp(x, 2); }), "logsumexp: axis 2"));
  CHECK(contains(error([&] { return mean(Var(zeros({0}))); }), "mean: shape (0)"));
  CHECK(contains(error([&] { return max(Var(zeros({0}))); }), "max: shape (0)"));
  CHECK(contains(error([&] { return matmul(x, x); }), "matmul: "));
  CHECK(contains(error([&] { return linear(x, x, x); }), "linear: b (2, 3)"));
  CHECK(contains(error([&] { return reshape(x, {5}); }), "reshape: (2, 3) to (5)"));
  CHECK(contains(error([&] { return transpose(x, 0, 2); }), "transpose: axis 2"));
  CHECK(contains(error([&] { return slice(x, 0, 1, 3); }), "slice: 1 to 3"));
  CHECK(contains(error([&] { return pad(x, 0, 1, 2); }), "pad: 2 positions"));
  CHECK(contains(error([&] { return concat({x, ones({3, 2})}, 0); }), "concat: "));
  CHECK(contains(error([&] { return concat(Vars{}, 0); }), "concat: no tensors given"));
  CHECK(contains(error([&] { return concat({x, x}, 2); }), "concat: axis 2"));
  CHECK(contains(error([&] { return gather(x, {2}); }), "gather: index 2"));
  CHECK(contains(error([&] { return scatter_add(x, {0}, 2); }), "scatter_add: 1 indices"));
  CHECK(contains(error([&] { return broadcast_to(x, {3}); }), "broadcast_to: "));
  CHECK(contains(error([&] { return sum_to(x, {2}); }), "sum_to: "));
}

TEST_CASE("every operation that ops.h declares has a row in the table") {
  const std::set<std::string> declared = declared_ops();
  REQUIRE(declared.count("pow(x, exponent)") == 1);  // the reader of the header works
  REQUIRE(declared.count("operator-(x)") == 1);
  REQUIRE(declared.count("matmul(A, B, trans_a, trans_b)") == 1);

  std::set<std::string> tested;
  for (const OpCase& op : table()) tested.insert(op.name);
  CHECK(missing_from(tested, declared) == std::vector<std::string>{});  // declared, but not tested
  CHECK(missing_from(declared, tested) == std::vector<std::string>{});  // not declared by that name
}

}  // namespace
}  // namespace gradflow
