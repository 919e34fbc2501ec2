// gradflow against PyTorch: operations, layers, optimisers. (Training: test_oracle_training.cpp.)
//
// The golden files hold inputs, results, gradients and second derivatives that PyTorch computed in
// double precision; tests/oracle/make_golden.py says how. PyTorch is not needed to run this.
//
// Inputs are exact in both precisions. So all that separates a result from PyTorch's is the
// roundings on the way to it, and these are counted.

#include <functional>
#include <set>

#include "autograd/ops.h"
#include "flows/chain.h"
#include "flows/coupling.h"
#include "flows/linear/permutation.h"
#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"
#include "flows/univariate/affine.h"
#include "flows/univariate/rational_quadratic.h"
#include "nn/mlp.h"
#include "nn/optimizer.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/oracle/golden.h"
#include "tests/tables/declared_ops.h"

namespace gradflow {
namespace {

using Vars = std::vector<Var>;

// --- Operations --------------------------------------------------------------------------------

struct Operation {
  std::string declared;  // as in ops.h
  std::string call;      // of the golden rows: the declaration, then arguments that are not Vars
  std::function<Var(const Vars&)> f;
  bool adds_terms = false;  // results are sums of terms as large as the inputs
  double loses = 1;         // how many times as many roundings PyTorch's own derivatives are off by
};

std::string declaration(const std::string& call) { return call.substr(0, call.find(')') + 1); }

using Table = std::vector<Operation>;

void add_elementwise(Table& table) {
  const auto binary = [&](const std::string& name, char symbol, Var (*f)(const Var&, const Var&),
                          Var (*g)(const Var&, const Var&)) {
    const std::string call = name + "(a, b)";
    table.push_back({call, call, [f](const Vars& x) { return f(x[0], x[1]); }});
    table.push_back({fmt::format("operator{}(a, b)", symbol), call,
                     [g](const Vars& x) { return g(x[0], x[1]); }});
  };
  binary("add", '+', add, operator+);
  binary("sub", '-', sub, operator-);
  binary("mul", '*', mul, operator*);
  binary("div", '/', div, operator/);
  table.push_back({"operator-(x)", "neg(x)", [](const Vars& x) { return -x[0]; }});
  table.push_back(
      {"minimum(a, b)", "minimum(a, b)", [](const Vars& x) { return minimum(x[0], x[1]); }});
  table.push_back(
      {"maximum(a, b)", "maximum(a, b)", [](const Vars& x) { return maximum(x[0], x[1]); }});

  const auto unary = [&](const std::string& call, const std::function<Var(const Var&)>& f) {
    table.push_back({declaration(call), call, [f](const Vars& x) { return f(x[0]); }});
  };
  unary("neg(x)", [](const Var& x) { return neg(x); });
  unary("exp(x)", [](const Var& x) { return exp(x); });
  unary("log(x)", [](const Var& x) { return log(x); });
  unary("sqrt(x)", [](const Var& x) { return sqrt(x); });
  unary("square(x)", [](const Var& x) { return square(x); });
  for (const double p : {0.0, 1.0, 2.0, 3.0, -1.0, 0.5, -1.5, 2.5})
    unary(fmt::format("pow(x, exponent): {:g}", p), [p](const Var& x) { return pow(x, real(p)); });
  unary("sin(x)", [](const Var& x) { return sin(x); });
  unary("cos(x)", [](const Var& x) { return cos(x); });
  unary("abs(x)", [](const Var& x) { return abs(x); });
  unary("tanh(x)", [](const Var& x) { return tanh(x); });
  unary("sigmoid(x)", [](const Var& x) { return sigmoid(x); });
  unary("softplus(x)", [](const Var& x) { return softplus(x); });
  unary("expm1(x)", [](const Var& x) { return expm1(x); });
  unary("log1p(x)", [](const Var& x) { return log1p(x); });
  unary("logsigmoid(x)", [](const Var& x) { return logsigmoid(x); });
  unary("normal_cdf(x)", [](const Var& x) { return normal_cdf(x); });
  unary("gelu(x)", [](const Var& x) { return gelu(x); });
  unary("elu(x, alpha): 1", [](const Var& x) { return elu(x); });
  unary("elu(x, alpha): 0.25", [](const Var& x) { return elu(x, real(0.25)); });
  unary("selu(x)", [](const Var& x) { return selu(x); });
  unary("relu(x)", [](const Var& x) { return relu(x); });
  unary("leaky_relu(x, slope): 0.25", [](const Var& x) { return leaky_relu(x, real(0.25)); });
  unary("leaky_relu(x, slope): 0.01", [](const Var& x) { return leaky_relu(x); });
  unary("silu(x)", [](const Var& x) { return silu(x); });
  table.back().loses = 4;  // at x = 30 they have x (1 - sigmoid x), of which little is left
  unary("clamp(x, low, high): -0.5, 1", [](const Var& x) { return clamp(x, real(-0.5), 1); });
  table.push_back({"where(mask, a, b)", "where(mask, a, b)",
                   [](const Vars& x) { return where(x[0].value(), x[1], x[2]); }});
}

void add_reductions(Table& table) {
  const auto reduction = [&](const std::string& name, Var (*whole)(const Var&),
                             Var (*along)(const Var&, int, KeepAxis)) {
    table.push_back(
        {name + "(x)", name + "(x)", [whole](const Vars& x) { return whole(x[0]); }, true});
    for (const int axis : {0, 1, -1})
      for (const bool keep : {false, true})
        table.push_back(
            {name + "(x, axis, keep)",
             fmt::format("{}(x, axis, keep): {}, {}", name, axis, keep ? "yes" : "no"),
             [=](const Vars& x) { return along(x[0], axis, keep ? KeepAxis::yes : KeepAxis::no); },
             true});
  };
  reduction("sum", sum, sum);
  reduction("mean", mean, mean);
  reduction("max", max, max);
  reduction("logsumexp", logsumexp, logsumexp);
  reduction("norm", norm, norm);
  reduction("variance", variance, variance);
  for (const int axis : {0, 1, -1}) {
    table.push_back({"softmax(x, axis)", fmt::format("softmax(x, axis): {}", axis),
                     [axis](const Vars& x) { return softmax(x[0], axis); }, true});
    table.push_back({"log_softmax(x, axis)", fmt::format("log_softmax(x, axis): {}", axis),
                     [axis](const Vars& x) { return log_softmax(x[0], axis); }, true});
  }
  for (const int axis : {0, -1})
    for (const From from : {From::first, From::last})
      table.push_back({"cumsum(x, axis, from)",
                       fmt::format("cumsum(x, axis, from): {}, {}", axis,
                                   from == From::first ? "first" : "last"),
                       [=](const Vars& x) { return cumsum(x[0], axis, from); }, true});
}

void add_matrices_and_rearrangements(Table& table) {
  const auto row = [&](const std::string& call, std::function<Var(const Vars&)> f,
                       bool adds_terms) {
    table.push_back({declaration(call), call, std::move(f), adds_terms});
  };
  for (const bool a : {false, true})
    for (const bool b : {false, true})
      row(
          fmt::format("matmul(A, B, trans_a, trans_b): {}, {}", a ? "yes" : "no", b ? "yes" : "no"),
          [=](const Vars& x) {
            return matmul(x[0], x[1], a ? Trans::yes : Trans::no, b ? Trans::yes : Trans::no);
          },
          true);
  for (const bool upper : {false, true})
    for (const bool transposed : {false, true})
      for (const bool unit : {false, true})
        row(
            fmt::format("solve_triangular(L, B, triangle, trans, diagonal): {}, {}, {}",
                        upper ? "upper" : "lower", transposed ? "yes" : "no",
                        unit ? "unit" : "given"),
            [=](const Vars& x) {
              return solve_triangular(x[0], x[1], upper ? Triangle::upper : Triangle::lower,
                                      transposed ? Trans::yes : Trans::no,
                                      unit ? Diagonal::unit : Diagonal::given);
            },
            true);
  row(
      "linear(x, W, b)", [](const Vars& x) { return linear(x[0], x[1], x[2]); }, true);
  row(
      "reshape(x, shape): (3, 4)",
      [](const Vars& x) {
        return reshape(x[0], {3, 4});
      },
      false);
  row(
      "transpose(x, axis_a, axis_b): 0, 1", [](const Vars& x) { return transpose(x[0]); }, false);
  row(
      "transpose(x, axis_a, axis_b): 0, -1", [](const Vars& x) { return transpose(x[0], 0, -1); },
      false);
  row(
      "slice(x, axis, begin, end): 1, 1, 3", [](const Vars& x) { return slice(x[0], 1, 1, 3); },
      false);
  row(
      "split(x, axis, at): 1, 1",
      [](const Vars& x) {
        const auto [first, second] = split(x[0], 1, 1);
        return concat({second, first}, 1);
      },
      false);
  row(
      "pad(x, axis, begin, size): -1, 2, 5", [](const Vars& x) { return pad(x[0], -1, 2, 5); },
      false);
  const std::vector<Index> indices{2, 0, 2};
  for (const int axis : {0, 1}) {
    row(
        fmt::format("concat(parts, axis): {}", axis),
        [axis](const Vars& x) { return concat(x, axis); }, false);
    row(
        fmt::format("gather(x, indices, axis): 2 0 2, {}", axis),
        [=](const Vars& x) { return gather(x[0], indices, axis); }, true);
    row(
        fmt::format("scatter_add(x, indices, size, axis): 2 0 2, 4, {}", axis),
        [=](const Vars& x) { return scatter_add(x[0], indices, 4, axis); }, true);
  }
  const Tensor by_column({{2, 0, 1, 2}, {2, 1, 0, 0}}), by_row({{3, 0}, {1, 1}, {0, 2}});
  for (const int axis : {0, 1}) {
    const Tensor index = axis == 0 ? by_column : by_row;
    row(
        fmt::format("take_along(x, index, axis): {}", axis),
        [=](const Vars& x) { return take_along(x[0], index, axis); }, true);
    row(
        fmt::format("add_along(x, index, size, axis): 5, {}", axis),
        [=](const Vars& x) { return add_along(x[0], index, 5, axis); }, true);
  }
  row(
      "broadcast_to(x, shape): (2, 3, 4)",
      [](const Vars& x) {
        return broadcast_to(x[0], {2, 3, 4});
      },
      true);
  row(
      "sum_to(x, shape): (3, 1)",
      [](const Vars& x) {
        return sum_to(x[0], {3, 1});
      },
      true);
}

Table operations() {
  Table table;
  add_elementwise(table);
  add_reductions(table);
  add_matrices_and_rearrangements(table);
  return table;
}

// Results and derivatives of y = f(x) against a golden row. The gradient is taken twice, as
// training takes it and recorded; the second derivative goes through the recorded one.
void check_operation(const Operation& op, const std::string& name, const Row& row,
                     Agreement& agreement) {
  Tape tape;
  Vars x;
  double scale = 1;
  for (std::size_t k = 0; row.count(fmt::format("x{}", k)); ++k) {
    x.push_back(tape.variable(row.at(fmt::format("x{}", k))));
    if (op.adds_terms) scale = std::max(scale, largest(x[k].value()));
  }
  const double slopes = scale * op.loses;
  const Var y = op.f(x);
  agreement.check(y.value(), row.at("y0"), scale, name + ": value");
  const Gradients plain = tape.backward(y, row.at("w0"));
  const Gradients recorded = tape.backward(y, row.at("w0"), Record::yes);
  Var contracted = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const Tensor& expected = row.at(fmt::format("d x{}", k));
    agreement.check(plain[x[k]].value(), expected, slopes, name + ": gradient");
    agreement.check(recorded[x[k]].value(), expected, slopes, name + ": recorded gradient");
    contracted = contracted + sum(row.at(fmt::format("v x{}", k)) * recorded[x[k]]);
  }
  std::optional<Gradients> second;  // none if the gradient is a constant
  if (contracted.tracked()) second = tape.backward(contracted);
  for (std::size_t k = 0; k < x.size(); ++k)
    agreement.check(second ? (*second)[x[k]].value() : zeros(x[k].shape()),
                    row.at(fmt::format("dd x{}", k)), slopes, name + ": second derivative");
}

TEST_CASE("oracle: every operation has PyTorch's value, gradient and second derivative") {
  // Four roundings for a function of the vector library, one for each factor of a second
  // derivative.
  Agreement agreement("operations", 8);
  const auto rows = golden("operations");
  for (const Operation& op : operations())
    for (const auto& [name, row] : rows)
      if (name.substr(0, name.find(" #")) == op.call)
        check_operation(op, op.declared + " " + name, row, agreement);
}

TEST_CASE("oracle: every operation that ops.h declares is in the golden file, and is compared") {
  std::set<std::string> in_file, compared, declarations;
  for (const auto& [name, row] : golden("operations"))
    in_file.insert(name.substr(0, name.find(" #")));
  for (const Operation& op : operations()) {
    compared.insert(op.call);
    declarations.insert(op.declared);
  }
  CHECK(compared == in_file);
  CHECK(declarations == declared_ops());
}

// --- Layers ------------------------------------------------------------------------------------

class Layers {
 public:
  // Gives a model the row's parameters and compares f(model, inputs), a list of results, with the
  // row's, and the derivatives of their contraction with respect to inputs and parameters.
  template <class Model, class F>
  void check(const std::string& name, Model model, const F& f) {
    INFO(name);
    compared_.insert(name);
    const Row& row = rows_.at(name);
    const Parameters parameters = gradflow::parameters(model);
    assign(parameters, rows_[name + "/parameters"]);

    const Weights weights(parameters);
    Tape tape(weights);
    Vars x;
    for (std::size_t k = 0; row.count(fmt::format("x{}", k)); ++k)
      x.push_back(tape.variable(row.at(fmt::format("x{}", k))));
    const Vars results = f(model, x);
    Var total = 0;
    for (std::size_t k = 0; k < results.size(); ++k) {
      compare(results[k].value(), row.at(fmt::format("y{}", k)), name + ": value");
      total = total + sum(row.at(fmt::format("w{}", k)) * results[k]);
    }
    compare_gradients(tape.backward(total), "d ", x, parameters, row, name);
    const Gradients first = tape.backward(total, Record::yes);
    compare_gradients(first, "d ", x, parameters, row, name);
    Var contracted = 0;
    for_each_leaf(first, x, parameters, [&](const std::string& leaf, const Var& gradient) {
      contracted = contracted + sum(row.at("v " + leaf) * gradient);
    });
    if (contracted.tracked())
      compare_gradients(tape.backward(contracted), "dd ", x, parameters, row, name);
    else
      for (const auto& [entry, expected] : row)
        if (entry.rfind("dd ", 0) == 0) CHECK(largest(expected) == 0);
  }

  std::vector<Index> labels() const { return integers(rows_.at("").at("labels")); }

  std::set<std::string> not_compared() const {
    std::set<std::string> names;
    for (const auto& [name, row] : rows_)
      if (row.count("y0") && !compared_.count(name)) names.insert(name);
    return names;
  }

 private:
  template <class F>
  static void for_each_leaf(const Gradients& gradients, const Vars& x, const Parameters& parameters,
                            const F& f) {
    for (std::size_t k = 0; k < x.size(); ++k) f(fmt::format("x{}", k), gradients[x[k]]);
    for (const auto& [name, parameter] : parameters) f(name, gradients[*parameter]);
  }

  // Every number is a sum of products of many others: it is compared on the scale of the largest.
  void compare(const Tensor& x, const Tensor& expected, const std::string& where) {
    agreement_.check(x, expected, std::max(1.0, largest(expected)), where);
  }

  void compare_gradients(const Gradients& gradients, const std::string& kind, const Vars& x,
                         const Parameters& parameters, const Row& row, const std::string& name) {
    for_each_leaf(gradients, x, parameters, [&](const std::string& leaf, const Var& gradient) {
      compare(gradient.value(), row.at(kind + leaf), fmt::format("{}: {}{}", name, kind, leaf));
    });
  }

  std::map<std::string, Row> rows_ = golden("layers");
  std::set<std::string> compared_;
  // Up to three couplings with two networks of five layers each. A second derivative passes each of
  // these thirty layers forwards and backwards, and each pass rounds once more.
  Agreement agreement_{"layers", 64};
};

struct NoParameters {
  void visit(const Visitor&) {}
};

void check_couplings(Layers& layers, Rng& rng) {
  const auto to_latent = [](const Bijection& b, const Vars& x) {
    const Mapped mapped = b.to_latent(x[0]);
    return Vars{mapped.points, mapped.log_det};
  };
  const auto to_data = [](const Bijection& b, const Vars& z) {
    const Mapped mapped = b.to_data(z[0]);
    return Vars{mapped.points, mapped.log_det};
  };
  constexpr real kUnbounded = std::numeric_limits<real>::infinity();
  for (const Index dim : {2, 3})
    for (const real bound : {real(2), kUnbounded}) {
      const Coupling layer(dim, affine(bound), {.hidden = {8, 8}}, rng);
      const auto name =
          fmt::format("AffineCoupling: {}, {}", dim, bound == kUnbounded ? "none" : "2.0");
      layers.check(name + ", to_latent", layer, to_latent);
      layers.check(name + ", to_data", layer, to_data);
    }
  for (const Index dim : {2, 3}) {
    const Coupling layer(dim, rational_quadratic({.bins = 4}), {.hidden = {8, 8}}, rng,
                         {.one_network = true});
    const auto name = fmt::format("SplineCoupling: {}", dim);
    layers.check(name + ", to_latent", layer, to_latent);
    layers.check(name + ", to_data", layer, to_data);
  }
  std::vector<AnyBijection> all;
  for (const std::vector<Index>& order : {std::vector<Index>{2, 1, 0}, {1, 2, 0}, {0, 2, 1}}) {
    all.push_back(Coupling(3, affine(), {}, rng));
    all.push_back(Permutation(order));
  }
  const Chain chain(std::move(all));
  layers.check("Composition: to_latent", chain, to_latent);
  layers.check("Composition: to_data", chain, to_data);
}

void check_flow_matching(Layers& layers, Rng& rng) {
  for (const bool by_class : {false, true}) {
    const FlowMatching model(2, {.hidden = {8, 8}, .classes = by_class ? 5 : 0, .class_dim = 3},
                             rng);
    const std::vector<Index> labels = by_class ? layers.labels() : std::vector<Index>{};
    const std::string suffix = by_class ? ", by class" : "";
    layers.check(
        "FlowMatching: velocity" + suffix, model,
        [&](const FlowMatching& m, const Vars& x) { return Vars{m.velocity(x[0], x[1], labels)}; });
    layers.check("FlowMatching: loss" + suffix, model, [&](const FlowMatching& m, const Vars& x) {
      const Var &y_1 = x[0], &y_0 = x[1], &t = x[2];
      const Var y_t = (1 - t) * y_0 + t * y_1;
      return Vars{mean(square(m.velocity(y_t, t, labels) - (y_1 - y_0)))};
    });
  }
}

TEST_CASE("oracle: every layer has PyTorch's values, gradients and second derivatives") {
  Layers layers;
  Rng rng(1);  // what it draws is overwritten
  layers.check("Linear", Linear(3, 4, rng),
               [](const Linear& m, const Vars& x) { return Vars{m(x[0])}; });
  layers.check("Embedding", Embedding(6, 3, rng),
               [&](const Embedding& m, const Vars&) { return Vars{m(layers.labels())}; });
  layers.check("standard_normal_log_prob", NoParameters{}, [](const NoParameters&, const Vars& x) {
    return Vars{standard_normal_log_prob(x[0])};
  });
  for (const std::vector<Index>& sizes :
       {std::vector<Index>{2, 3}, {1, 8, 8, 8, 8, 1}, {3, 16, 5, 2}}) {
    const auto name = fmt::format("Mlp: {}", fmt::join(sizes, " "));
    layers.check(name, Mlp(sizes, rng), [](const Mlp& m, const Vars& x) { return Vars{m(x[0])}; });
    layers.check(name, Mlp(sizes, rng),
                 [](const Mlp& m, const Vars& x) { return Vars{m.composed(x[0])}; });
  }
  check_couplings(layers, rng);
  layers.check("NormalizingFlow", real_nvp(2, {.layers = 3}, rng),
               [](const Flow& m, const Vars& x) {
                 const auto parts = m.log_prob_parts(x[0]);
                 return Vars{parts.prior, parts.log_det, m.log_prob(x[0])};
               });
  check_flow_matching(layers, rng);
  CHECK(layers.not_compared() == std::set<std::string>{});
}

// --- Optimisers --------------------------------------------------------------------------------

// Follows a golden path of two parameters, (2, 3) and (1), for 100 given gradients.
template <class Make>
void check_optimizer(const std::string& name, const Make& make) {
  const auto rows = golden("optimizers");
  const Row& given = rows.at("");
  const Tensor &start = given.at("start"), &path = rows.at(name).at("path");
  Parameter a{kernel::slice(start, 0, 0, 6).reshaped({2, 3})}, b{kernel::slice(start, 0, 6, 7)};
  Weights weights({{"a", &a}, {"b", &b}});
  auto optimizer = make(weights);
  // At each step the parameter is rounded, by half an eps of its size; the other half is for the
  // roundings of the move. So the sizes that it had on its way add up.
  Agreement agreement("optimizers: " + name, 1);
  double sizes = std::max(1.0, largest(start));
  for (Index step = 0; step < path.rows(); ++step) {
    optimizer.learning_rate = double{given.at("rates").at({step})};
    optimizer.step(given.at("gradients").rows(step, step + 1).reshaped({7}));
    const Tensor expected = path.rows(step, step + 1).reshaped({7});
    const Tensor parts[] = {a.value().reshaped({6}), b.value()};
    sizes += largest(expected);
    agreement.check(kernel::concat(parts, 0), expected, sizes, fmt::format("step {}", step + 1));
  }
}

TEST_CASE("oracle: optimisers follow PyTorch's for 100 steps") {
  check_optimizer("Adam", [](Weights& p) { return Adam(p); });
  check_optimizer("Adam: 0.5, 0.9, 1e-3", [](Weights& p) {
    return Adam(p, {.beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3});
  });
  check_optimizer("AdamW: 0.1", [](Weights& p) { return Adam(p, {.weight_decay = 0.1}); });
  check_optimizer("Sgd", [](Weights& p) { return Sgd(p); });
  check_optimizer("Sgd: 0.9", [](Weights& p) { return Sgd(p, 1e-2, 0.9); });
}

TEST_CASE("oracle: gradients are clipped as by PyTorch") {
  // A known difference: PyTorch scales by 1 / (norm + 1e-6), we by 1 / norm, as published.
  Agreement agreement("clipping", 4);
  const auto rows = golden("optimizers");
  for (const char* name : {"clip short", "clip long"}) {
    const Row& row = rows.at(name);
    const double length = row.at("norm").item();
    Tensor g = row.at("gradient");
    agreement.check(Tensor::scalar(real(global_norm(g))), row.at("norm"), 0,
                    std::string(name) + ": norm");
    clip_norm(g, 1);
    const double theirs = length > 1 ? length / (length + 1e-6) : 1;
    agreement.check((real(theirs) * g).value(), row.at("clipped"), 0, name);
  }
}

}  // namespace
}  // namespace gradflow
