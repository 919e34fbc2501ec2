// The rows: every operation of autograd/ops.h at shapes of all kinds, with its plain form.

#include "tests/tables/ops_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/random.h"
#include "tests/close.h"

namespace gradflow {
namespace {

using Table = std::vector<OpCase>;

// What glibc promises of its vector functions (exp, log, log1p, sin, cos, tanh): 4 units in the
// last place. What is built on them adds roundings of its own.
constexpr double kVector = 4;

// A sum of n terms, each of them the result of some roundings itself.
Roundings sum_of(Index n, double each, double gradient) {
  return {each + 0.5 * double(std::max<Index>(n - 1, 0)), gradient, 0, true};
}

// --- The plain forms ---------------------------------------------------------------------------

using Plain = std::function<Reference(const References&)>;

template <class F>
Plain elementwise1(const F& f) {
  return [f](const References& in) {
    return reference(in[0].shape, [&](const Position& p) { return f(in[0][p]); });
  };
}

template <class F>
Plain elementwise2(const F& f) {
  return [f](const References& in) {
    const Shape shape = broadcast("test", in[0].shape, in[1].shape);
    return reference(shape, [&](const Position& p) {
      return f(broadcast_at(in[0], p, shape.rank()), broadcast_at(in[1], p, shape.rank()));
    });
  };
}

double plain_sum(const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double plain_mean(const std::vector<double>& x) { return plain_sum(x) / double(x.size()); }
double plain_max(const std::vector<double>& x) {
  double largest = -kInfinity;
  for (const double v : x) {
    if (std::isnan(v)) return kNan;  // a maximum does not hide it
    largest = std::max(largest, v);
  }
  return largest;
}
double plain_logsumexp(const std::vector<double>& x) {
  const double top = plain_max(x);
  if (!std::isfinite(top)) return top;
  double total = 0;
  for (const double v : x) total += std::exp(v - top);
  return top + std::log(total);
}

double plain_norm(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += v * v;
  return std::sqrt(total);
}
double plain_variance(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += (v - plain_mean(x)) * (v - plain_mean(x));
  return total / double(x.size());
}

double plain_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double plain_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double plain_relu(double x) { return x <= 0 ? 0 : x; }  // NaN stays

Reference plain_matmul(const Reference& A, const Reference& B, bool ta, bool tb) {
  const Index m = A.shape[ta], k = A.shape[!ta], n = B.shape[!tb];
  return reference({m, n}, [&](const Position& c) {
    double total = 0;
    for (Index p = 0; p < k; ++p)
      total += (ta ? A[{p, c[0]}] : A[{c[0], p}]) * (tb ? B[{c[1], p}] : B[{p, c[1]}]);
    return total;
  });
}

// --- The rows ----------------------------------------------------------------------------------

// All shapes that broadcast to `full` by axes of size 1 and missing axes: (), (1), (2), (1, 1) ...
std::vector<Shape> narrower(const Shape& full) {
  std::vector<Shape> result{Shape{}};
  for (int rank = 1; rank <= full.rank(); ++rank)
    for (int kept = 0; kept < 1 << rank; ++kept) {  // a bit for each axis that is not of size 1
      std::vector<Index> sizes;
      sizes.reserve(static_cast<std::size_t>(rank));
      for (int axis = 0; axis < rank; ++axis)
        sizes.push_back(kept >> axis & 1 ? full[full.rank() - rank + axis] : 1);
      result.push_back(Shape(sizes));
    }
  return result;
}

// Two operands in every pattern of broadcasting on up to three axes, 225 of them; and some on four
// axes, and without elements (where the gradient of what was repeated is a sum of nothing).
std::vector<std::pair<Shape, Shape>> patterns() {
  std::vector<std::pair<Shape, Shape>> result;
  for (const Shape& a : narrower({2, 3, 2}))
    for (const Shape& b : narrower({2, 3, 2})) result.push_back({a, b});
  result.insert(result.end(), {{{2, 1, 3, 1}, {1, 2, 1, 3}},
                               {{2, 1, 1, 2}, {2, 1}},
                               {{1, 2, 3, 1}, {2, 1, 1, 2}},
                               {{0, 3}, {3}},
                               {{3}, {0, 3}},
                               {{0, 1}, {1, 0}},
                               {{2, 0, 3}, {3}},
                               {{0}, {}}});
  return result;
}

void add_arithmetic(Table& table) {
  struct Row {
    const char* names[2];
    Var (*f)(const Var&, const Var&);
    Var (*symbol)(const Var&, const Var&);
    double (*plain)(double, double);
    Roundings roundings;
    std::vector<Domain> domains = {};
  };
  const Row rows[] = {
      {{"add(a, b)", "operator+(a, b)"},
       add,
       operator+,
       [](double a, double b) { return a + b; },
       {0.5, 0}},
      {{"sub(a, b)", "operator-(a, b)"},
       sub,
       operator-,
       [](double a, double b) { return a - b; },
       {0.5, 0}},
      {{"mul(a, b)", "operator*(a, b)"},
       mul,
       operator*,
       [](double a, double b) { return a * b; },
       {0.5, 0.5}},
      {{"div(a, b)", "operator/(a, b)"},
       div,
       operator/,
       [](double a, double b) { return a / b; },
       {0.5, 1.5},
       {Domain::any, Domain::nonzero}},
      {{"minimum(a, b)"},
       minimum,
       nullptr,
       [](double a, double b) { return a < b ? a : b; },
       {0, 0},
       {Domain::even, Domain::odd}},
      {{"maximum(a, b)"},
       maximum,
       nullptr,
       [](double a, double b) { return a > b ? a : b; },
       {0, 0},
       {Domain::even, Domain::odd}},
  };
  for (const Row& row : rows)
    for (const auto& [a, b] : patterns())
      for (const bool symbol : {false, true}) {
        if (symbol && !row.symbol) continue;
        table.push_back({row.names[symbol],
                         {a, b},
                         [f = symbol ? row.symbol : row.f](const Vars& x) { return f(x[0], x[1]); },
                         elementwise2(row.plain),
                         row.roundings,
                         row.domains});
      }
  // One Var as both operands: its gradient is the sum of two terms.
  table.push_back({"mul(a, b)",
                   {{2, 3}},
                   [](const Vars& x) { return mul(x[0], x[0]); },
                   elementwise1([](double x) { return x * x; }),
                   {0.5, 0.5}});
  table.push_back({"div(a, b)",
                   {{2, 3}},
                   [](const Vars& x) { return div(x[0], x[0]); },
                   elementwise1([](double x) { return x / x; }),
                   {0.5, 1, 1},
                   {Domain::nonzero}});
}

void add_elementwise(Table& table) {
  struct Row {
    const char* name;
    std::function<Var(const Var&)> f;
    double (*plain)(double);
    Roundings roundings;
    Domain domain = Domain::any;
  };
  const auto power = [](real p) { return [p](const Var& x) { return pow(x, p); }; };
  const Row rows[] = {
      {"neg(x)", [](const Var& x) { return neg(x); }, [](double x) { return -x; }, {0, 0}},
      {"operator-(x)", [](const Var& x) { return -x; }, [](double x) { return -x; }, {0, 0}},
      {"exp(x)",
       [](const Var& x) { return exp(x); },
       [](double x) { return std::exp(x); },
       {kVector, kVector + 0.5}},
      {"log(x)",
       [](const Var& x) { return log(x); },
       [](double x) { return std::log(x); },
       {kVector, 0.5},
       Domain::positive},
      {"sqrt(x)",
       [](const Var& x) { return sqrt(x); },
       [](double x) { return std::sqrt(x); },
       {0.5, 1},
       Domain::positive},
      {"square(x)",
       [](const Var& x) { return square(x); },
       [](double x) { return x * x; },
       {0.5, 0.5}},
      {"pow(x, exponent)", power(0), [](double) { return 1.0; }, {0, 0}},
      {"pow(x, exponent)", power(1), [](double x) { return x; }, {0.5, 0.5}},
      {"pow(x, exponent)", power(2), [](double x) { return x * x; }, {1, 1.5}},
      {"pow(x, exponent)", power(3), [](double x) { return x * x * x; }, {1, 2}},
      {"pow(x, exponent)", power(-1), [](double x) { return 1 / x; }, {1, 2}, Domain::nonzero},
      {"pow(x, exponent)",
       power(real(0.5)),
       [](double x) { return std::pow(x, 0.5); },
       {1, 2},
       Domain::positive},
      {"pow(x, exponent)",
       power(real(-1.5)),
       [](double x) { return std::pow(x, -1.5); },
       {1, 2},
       Domain::positive},
      {"sin(x)",
       [](const Var& x) { return sin(x); },
       [](double x) { return std::sin(x); },
       {kVector, kVector + 0.5}},
      {"cos(x)",
       [](const Var& x) { return cos(x); },
       [](double x) { return std::cos(x); },
       {kVector, kVector + 0.5}},
      {"abs(x)", [](const Var& x) { return abs(x); }, [](double x) { return std::abs(x); }, {0, 0}},
      {"tanh(x)",
       [](const Var& x) { return tanh(x); },
       [](double x) { return std::tanh(x); },
       {kVector, 2 * kVector + 1, 1}},
      {"sigmoid(x)",
       [](const Var& x) { return sigmoid(x); },
       plain_sigmoid,
       {kVector + 1, kVector + 2, 0.25}},
      {"softplus(x)",
       [](const Var& x) { return softplus(x); },
       plain_softplus,
       {2 * kVector + 0.5, kVector + 1.5}},
      {"expm1(x)",
       [](const Var& x) { return expm1(x); },
       [](double x) { return std::expm1(x); },
       {1, kVector + 0.5}},
      {"log1p(x)",
       [](const Var& x) { return log1p(x); },
       [](double x) { return std::log1p(x); },
       {kVector, 1},
       Domain::positive},
      {"logsigmoid(x)",
       [](const Var& x) { return logsigmoid(x); },
       [](double x) { return -plain_softplus(-x); },
       {2 * kVector + 0.5, kVector + 1.5}},
      // The argument of erfc and that of the density are rounded, and enlarge it by up to 4.
      {"normal_cdf(x)", [](const Var& x) { return normal_cdf(x); }, plain_cdf, {6, kVector + 4}},
      {"gelu(x)",
       [](const Var& x) { return gelu(x); },
       [](double x) { return x * plain_cdf(x); },
       {6.5, kVector + 6, 1}},
      {"elu(x, alpha)",
       [](const Var& x) { return elu(x); },
       [](double x) { return x > 0 ? x : std::expm1(x); },
       {1, kVector}},
      {"elu(x, alpha)",
       [](const Var& x) { return elu(x, real(0.25)); },
       [](double x) { return x > 0 ? x : 0.25 * std::expm1(x); },
       {1.5, kVector + 0.5}},
      {"selu(x)",
       [](const Var& x) { return selu(x); },
       [](double x) {
         return 1.0507009873554804934193 * (x > 0 ? x : 1.6732632423543772848170 * std::expm1(x));
       },
       {3, kVector + 2}},
      {"relu(x)", [](const Var& x) { return relu(x); }, plain_relu, {0, 0}},
      {"leaky_relu(x, slope)",
       [](const Var& x) { return leaky_relu(x, real(0.25)); },
       [](double x) { return x > 0 ? x : 0.25 * x; },
       {0, 0}},
      {"leaky_relu(x, slope)",
       [](const Var& x) { return leaky_relu(x); },
       [](double x) { return x > 0 ? x : 0.01 * x; },
       {1, 1}},
      {"silu(x)",
       [](const Var& x) { return silu(x); },
       [](double x) { return x / (1 + std::exp(-x)); },
       {kVector + 1, kVector + 4, 1}},
      {"clamp(x, low, high)",
       [](const Var& x) { return clamp(x, real(-0.5), 1); },
       [](double x) { return x < -0.5 ? -0.5
                             : x > 1  ? 1.0
                                      : x; },
       {0, 0}},
  };
  for (const Row& row : rows)
    for (const Shape& shape :
         {Shape{12}, {}, {1}, {4, 3}, {3, 1}, {2, 3, 2}, {2, 1, 3, 2}, {0}, {0, 2}})
      table.push_back({row.name,
                       {shape},
                       [f = row.f](const Vars& x) { return f(x[0]); },
                       elementwise1(row.plain),
                       row.roundings,
                       {row.domain}});
}

// Mask and operands in every pattern on two axes, some on three, and without elements.
void add_where(Table& table) {
  struct Row {
    Shape mask, a, b;
  };
  std::vector<Row> rows;
  for (const Shape& mask : narrower({2, 3}))
    for (const Shape& a : narrower({2, 3}))
      for (const Shape& b : narrower({2, 3})) rows.push_back({mask, a, b});
  rows.push_back({{2, 3, 2}, {3, 1}, {2}});
  rows.push_back({{3, 1}, {2, 1, 2}, {2, 3, 1}});
  rows.push_back({{0, 3}, {3}, {}});
  rows.push_back({{3}, {0, 3}, {0, 1}});
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
         },
         {0, 0}});
  }
}

void add_reductions(Table& table) {
  struct Row {
    std::string name;
    Var (*whole)(const Var&);
    Var (*along)(const Var&, int, KeepAxis);
    double (*plain)(const std::vector<double>&);
    Roundings (*roundings)(Index n);
    Domain domain = Domain::any;
  };
  // logsumexp: a term's exponential is wrong by its own roundings and by those of its argument, of
  // up to 4 in size; so is, at most, the logarithm of their sum, which is taken once more.
  const auto log_of_sum = [](Index n) {
    return Roundings{2 * kVector + 3 + 0.5 * double(n), 3 * kVector + 5 + 0.5 * double(n), 1};
  };
  const Row rows[] = {
      {"sum", sum, sum, plain_sum, [](Index n) { return sum_of(n, 0, 0); }},
      {"mean", mean, mean, plain_mean, [](Index n) { return sum_of(n, 1, 0.5); }},
      {"max", max, max, plain_max,
       [](Index) {
         return Roundings{0, 0};
       }},
      {"logsumexp", logsumexp, logsumexp, plain_logsumexp, log_of_sum},
      {"norm", norm, norm, plain_norm,
       [](Index n) {
         return Roundings{2 + 0.25 * double(n), 3 + 0.25 * double(n)};
       }},
      // Deviations are differences of numbers of up to 2, and their squares are of up to 4.
      {"variance", variance, variance, plain_variance,
       [](Index n) {
         return Roundings{4 + 0.5 * double(n), 4, 4};
       },
       Domain::uneven},
  };
  for (const Row& row : rows)
    for (const Shape& shape :
         {Shape{5}, {}, {1}, {2, 3}, {3, 1}, {2, 3, 2}, {2, 1, 2, 3}, {0, 3}, {3, 0}}) {
      const bool adds = row.name == "sum";  // the only one that takes none
      if (shape.size() > 0 || adds)
        table.push_back({row.name + "(x)",
                         {shape},
                         [f = row.whole](const Vars& x) { return f(x[0]); },
                         [row](const References& in) {
                           return Reference{{}, {row.plain(in[0].values)}};
                         },
                         row.roundings(shape.size()),
                         {row.domain}});
      for (int axis = -shape.rank(); axis < shape.rank(); ++axis)
        for (const KeepAxis keep : {KeepAxis::no, KeepAxis::yes}) {
          const int a = axis < 0 ? axis + shape.rank() : axis;
          if (shape[a] == 0 && !adds) continue;
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
                           },
                           row.roundings(shape[a]),
                           {row.domain}});
        }
    }
}

// What makes of all the numbers along an axis as many others.
void add_along_whole_axes(Table& table) {
  using Numbers = std::vector<double>;
  struct Row {
    std::string name;
    Var (*f)(const Var&, int);
    Numbers (*plain)(const Numbers&);
    Roundings (*roundings)(Index n);
    bool of_none = false;  // whether the axis may be without elements
  };
  const Row rows[] = {
      // An exponential and a sum of them, of which each is wrong by what logsumexp says above.
      {"softmax(x, axis)", [](const Var& x, int axis) { return softmax(x, axis); },
       [](const Numbers& x) {
         Numbers y = x;
         for (double& v : y) v = std::exp(v - plain_logsumexp(x));
         return y;
       },
       [](Index n) {
         return Roundings{2 * kVector + 5 + 0.5 * double(n), 3 * kVector + 8 + double(n), 0.25};
       }},
      {"log_softmax(x, axis)", [](const Var& x, int axis) { return log_softmax(x, axis); },
       [](const Numbers& x) {
         Numbers y = x;
         for (double& v : y) v -= plain_logsumexp(x);
         return y;
       },
       [](Index n) {
         return Roundings{2 * kVector + 3 + 0.5 * double(n), 3 * kVector + 8 + double(n), 1};
       }},
      {"cumsum(x, axis, from)", [](const Var& x, int axis) { return cumsum(x, axis); },
       [](const Numbers& x) {
         Numbers y = x;
         std::partial_sum(x.begin(), x.end(), y.begin());
         return y;
       },
       [](Index n) { return sum_of(n, 0, 0); }, true},
      {"cumsum(x, axis, from)", [](const Var& x, int axis) { return cumsum(x, axis, From::last); },
       [](const Numbers& x) {
         Numbers y = x;
         std::partial_sum(x.rbegin(), x.rend(), y.rbegin());
         return y;
       },
       [](Index n) { return sum_of(n, 0, 0); }, true},
  };
  for (const Shape& shape :
       {Shape{5}, {1}, {2, 3}, {3, 1}, {2, 3, 2}, {2, 1, 2, 3}, {0, 3}, {3, 0}})
    for (int axis = -shape.rank(); axis < shape.rank(); ++axis)
      for (const Row& row : rows) {
        const int a = axis < 0 ? axis + shape.rank() : axis;
        if (shape[a] == 0 && !row.of_none) continue;
        table.push_back({row.name,
                         {shape},
                         [=](const Vars& x) { return row.f(x[0], axis); },
                         [=](const References& in) {
                           return reference(shape, [&](const Position& p) {
                             Numbers run;
                             for (Index i = 0; i < shape[a]; ++i)
                               run.push_back(in[0][with(p, a, i)]);
                             return row.plain(run)[static_cast<std::size_t>(p[std::size_t(a)])];
                           });
                         },
                         row.roundings(shape[a])});
      }
}

// X of T X = B by Gauss' rule: T^-1 B, the rows of T scaled and subtracted until it is the
// identity.
Reference plain_solution(Reference T, Reference X) {
  const Index n = X.shape[0], m = X.shape[1];
  for (Index i = 0; i < n; ++i) {
    const double pivot = T[{i, i}];
    for (Index j = 0; j < n; ++j) T[{i, j}] /= pivot;
    for (Index k = 0; k < m; ++k) X[{i, k}] /= pivot;
    for (Index other = 0; other < n; ++other) {
      if (other == i) continue;
      const double factor = T[{other, i}];
      for (Index j = 0; j < n; ++j) T[{other, j}] -= factor * T[{i, j}];
      for (Index k = 0; k < m; ++k) X[{other, k}] -= factor * X[{i, k}];
    }
  }
  return X;
}

void add_triangular_systems(Table& table) {
  for (const Triangle triangle : {Triangle::lower, Triangle::upper})
    for (const Trans trans : {Trans::no, Trans::yes})
      for (const Diagonal diagonal : {Diagonal::given, Diagonal::unit})
        for (const auto& [n, m] : {std::pair{4, 3}, {3, 1}, {1, 2}, {2, 5}, {0, 2}, {2, 0}})
          table.push_back({"solve_triangular(L, B, triangle, trans, diagonal)",
                           {{n, n}, {n, m}},
                           [=](const Vars& x) {
                             return solve_triangular(x[0], x[1], triangle, trans, diagonal);
                           },
                           [=](const References& in) {
                             const Reference T = reference(in[0].shape, [&](const Position& p) {
                               const Index i = p[trans == Trans::yes], j = p[trans == Trans::no];
                               if (i == j) return diagonal == Diagonal::unit ? 1 : in[0][{i, i}];
                               return (i > j) == (triangle == Triangle::lower) ? in[0][{i, j}] : 0;
                             });
                             return plain_solution(T, in[1]);
                           },
                           // A solution is of size 2, and each of its n terms is wrong by one
                           // rounding; so is each of the m products that the gradient of L adds up.
                           {double(n) + 1, 3 * double(n) + 4, 2},
                           {Domain::solvable}});
}

void add_matrices(Table& table) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const auto& [m, k, n] :
           {std::array{2, 3, 4}, {3, 3, 3}, {1, 4, 1}, {2, 1, 3}, {2, 0, 3}, {0, 3, 2}, {2, 3, 0}})
        table.push_back(
            {"matmul(A, B, trans_a, trans_b)",
             {ta ? Shape{k, m} : Shape{m, k}, tb ? Shape{n, k} : Shape{k, n}},
             [ta, tb](const Vars& x) {
               return matmul(x[0], x[1], ta ? Trans::yes : Trans::no, tb ? Trans::yes : Trans::no);
             },
             [ta, tb](const References& in) { return plain_matmul(in[0], in[1], ta, tb); },
             sum_of(k, 0.5, 0.5)});
  for (const auto& [batch, in_size, out] :
       {std::array{4, 3, 2}, {1, 1, 1}, {2, 2, 2}, {3, 2, 5}, {0, 3, 2}, {2, 0, 3}, {2, 3, 0}})
    table.push_back({"linear(x, W, b)",
                     {{batch, in_size}, {out, in_size}, {out}},
                     [](const Vars& x) { return linear(x[0], x[1], x[2]); },
                     [](const References& in) {
                       Reference y = plain_matmul(in[0], in[1], false, true);
                       for_each_position(y.shape,
                                         [&](const Position& p) { y[p] += in[2][Position{p[1]}]; });
                       return y;
                     },
                     sum_of(in_size + 1, 0.5, 0.5)});
}

// The index of p on an axis.
Index on(const Position& p, int axis) { return p[static_cast<std::size_t>(axis)]; }

void add_along_an_axis(Table& table, const Shape& shape, int axis) {
  const int a = axis < 0 ? axis + shape.rank() : axis;
  const Index n = shape[a];
  for (int other = -shape.rank(); other < shape.rank(); ++other)
    table.push_back({"transpose(x, axis_a, axis_b)",
                     {shape},
                     [=](const Vars& x) { return transpose(x[0], axis, other); },
                     [=, b = other < 0 ? other + shape.rank() : other](const References& in) {
                       return reference(shape.with(a, shape[b]).with(b, n), [&](Position p) {
                         std::swap(p[std::size_t(a)], p[std::size_t(b)]);
                         return in[0][p];
                       });
                     },
                     {0, 0}});
  for (const auto& [begin, end] : {std::pair{Index{0}, std::min<Index>(2, n)},
                                   {n / 2, n / 2},
                                   {std::max<Index>(n - 1, 0), n}}) {
    table.push_back({"slice(x, axis, begin, end)",
                     {shape},
                     [=, b = begin, e = end](const Vars& x) { return slice(x[0], axis, b, e); },
                     [=, b = begin, e = end](const References& in) {
                       return reference(shape.with(a, e - b), [&](const Position& p) {
                         return in[0][with(p, a, on(p, a) + b)];
                       });
                     },
                     {0, 0}});
    table.push_back({"pad(x, axis, begin, size)",
                     {shape},
                     [=, b = begin](const Vars& x) { return pad(x[0], axis, b, n + b + 1); },
                     [=, b = begin](const References& in) {
                       return reference(shape.with(a, n + b + 1), [&](const Position& p) {
                         const Index i = on(p, a) - b;
                         return i >= 0 && i < n ? in[0][with(p, a, i)] : 0;
                       });
                     },
                     {0, 0}});
  }
  // The second part before the first, or alone: then no gradient comes to the first.
  for (const Index at : {Index{0}, n / 2, n})
    for (const bool both : {true, false})
      table.push_back({"split(x, axis, at)",
                       {shape},
                       [=](const Vars& x) {
                         const auto [first, second] = split(x[0], axis, at);
                         return both ? concat({second, first}, axis) : second;
                       },
                       [=](const References& in) {
                         return reference(shape.with(a, both ? n : n - at), [&](const Position& p) {
                           const Index i = on(p, a) + at;
                           return in[0][with(p, a, i < n ? i : i - n)];
                         });
                       },
                       {0, 0}});
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
                   },
                   {0, 0}});
  // Positions picked once, often and never; and none at all.
  for (const std::vector<Index>& picked : {std::vector<Index>{n - 1, 0, n - 1, n - 1}, {}}) {
    if (n == 0 && !picked.empty()) continue;
    table.push_back({"gather(x, indices, axis)",
                     {shape},
                     [=](const Vars& x) { return gather(x[0], picked, axis); },
                     [=](const References& in) {
                       return reference(shape.with(a, std::ssize(picked)), [&](const Position& p) {
                         return in[0][with(p, a, picked[std::size_t(on(p, a))])];
                       });
                     },
                     {0, 0}});
    table.push_back({"scatter_add(x, indices, size, axis)",
                     {shape.with(a, std::ssize(picked))},
                     [=](const Vars& x) { return scatter_add(x[0], picked, n + 1, axis); },
                     [=](const References& in) {
                       Reference y =
                           reference(shape.with(a, n + 1), [](const Position&) { return 0.0; });
                       for_each_position(in[0].shape, [&](const Position& p) {
                         y[with(p, a, picked[std::size_t(on(p, a))])] += in[0][p];
                       });
                       return y;
                     },
                     sum_of(std::ssize(picked), 0, 0)});
  }
}

// An index of m positions along axis a of a shape with n there; each row has others than the next.
Tensor index_along(const Shape& shape, int a, Index m) {
  Tensor index(shape.with(a, m));
  for (Index j = 0; j < index.size(); ++j)
    index.mutable_data()[j] = real((7 * j + j / 3) % shape[a]);
  return index;
}

void add_rows_of_indices(Table& table) {
  for (const Shape& shape : {Shape{4}, {1}, {3, 4}, {2, 1}, {2, 3, 2}, {2, 1, 2, 3}, {0, 3}})
    for (int axis = -shape.rank(); axis < shape.rank(); ++axis)
      for (const Index m : {0, 1, 3}) {
        const int a = axis < 0 ? axis + shape.rank() : axis;
        if (shape[a] == 0 && m > 0) continue;
        const Tensor index = m > 0 ? index_along(shape, a, m) : zeros(shape.with(a, 0));
        const auto at = [i = reference(index), a](const Position& p) {
          return with(p, a, Index(i[p]));
        };
        table.push_back({"take_along(x, index, axis)",
                         {shape},
                         [=](const Vars& x) { return take_along(x[0], index, axis); },
                         [=](const References& in) {
                           return reference(index.shape(),
                                            [&](const Position& p) { return in[0][at(p)]; });
                         },
                         {0, 0}});
        table.push_back({"add_along(x, index, size, axis)",
                         {index.shape()},
                         [=](const Vars& x) { return add_along(x[0], index, shape[a], axis); },
                         [=](const References& in) {
                           Reference y = reference(zeros(shape));
                           for_each_position(index.shape(),
                                             [&](const Position& p) { y[at(p)] += in[0][p]; });
                           return y;
                         },
                         sum_of(m, 0, 0)});
      }
}

void add_rearrangements(Table& table) {
  for (const auto& [from, to] : {std::pair<Shape, Shape>{{2, 6}, {3, 4}},
                                 {{1, 4}, {2, 1, 2}},
                                 {{}, {1, 1}},
                                 {{2, 3}, {6}},
                                 {{0, 3}, {2, 0}}})
    table.push_back({"reshape(x, shape)",
                     {from},
                     [shape = to](const Vars& x) { return reshape(x[0], shape); },
                     [shape = to](const References& in) {
                       return Reference{shape, in[0].values};
                     },
                     {0, 0}});

  for (const Shape& shape : {Shape{2, 3, 4}, {2, 1, 2}, {2, 0, 3}, {1}})
    for (int axis = -shape.rank(); axis < shape.rank(); ++axis)
      add_along_an_axis(table, shape, axis);

  for (const Shape& wide : {Shape{2, 3, 4}, {0, 3}, {1, 2}})
    for (const Shape& narrow : narrower(wide)) {
      table.push_back({"broadcast_to(x, shape)",
                       {narrow},
                       [=](const Vars& x) { return broadcast_to(x[0], wide); },
                       [=](const References& in) {
                         return reference(wide, [&](const Position& p) {
                           return broadcast_at(in[0], p, wide.rank());
                         });
                       },
                       {0, 0}});
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
                       },
                       sum_of(wide.size() / std::max<Index>(narrow.size(), 1), 0, 0)});
    }
}

Tensor input(const OpCase& op, std::size_t k) {
  const Domain domain = k < op.domains.size() ? op.domains[k] : Domain::any;
  Tensor x(op.shapes[k]);
  Rng rng(1, k);
  const std::vector<Index> cells = rng.permutation(x.size());
  const std::vector<Index> signs = rng.integers(2, x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const double t = (double(cells[std::size_t(i)]) + 0.3) / double(x.size());  // 0 to 1
    const double size = 0.5 + 2 * t;
    const bool on_diagonal = domain == Domain::solvable && i % (op.shapes[k][1] + 1) == 0;
    const double value = domain == Domain::any        ? 4 * t - 2
                         : domain == Domain::uneven   ? 4 * t * t - 2
                         : domain == Domain::even     ? std::round(20 * t - 10) / 5
                         : domain == Domain::odd      ? std::round(20 * t - 10.5) / 5 + 0.1
                         : domain == Domain::solvable ? t - 0.5 + (on_diagonal ? 2 : 0)
                         : domain == Domain::positive || signs[std::size_t(i)] ? size
                                                                               : -size;
    x.mutable_data()[i] = static_cast<real>(value);
  }
  return x;
}

}  // namespace

const std::vector<OpCase>& op_table() {
  static const Table rows = [] {
    Table result;
    add_arithmetic(result);
    add_elementwise(result);
    add_where(result);
    add_reductions(result);
    add_along_whole_axes(result);
    add_matrices(result);
    add_triangular_systems(result);
    add_rearrangements(result);
    add_rows_of_indices(result);
    return result;
  }();
  return rows;
}

std::vector<Tensor> inputs(const OpCase& op) {
  std::vector<Tensor> result;
  for (std::size_t k = 0; k < op.shapes.size(); ++k) result.push_back(input(op, k));
  return result;
}

References references(const std::vector<Tensor>& values) {
  References result;
  for (const Tensor& value : values) result.push_back(reference(value));
  return result;
}

Vars constants(const std::vector<Tensor>& values) { return {values.begin(), values.end()}; }

std::string described(const OpCase& op) {
  std::string text = op.name + " of";
  for (const Shape& shape : op.shapes) text += fmt::format(" {}", to_string(shape));
  return text;
}

}  // namespace gradflow
