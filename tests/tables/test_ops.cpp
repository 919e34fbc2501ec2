// Every operation of autograd/ops.h: its value, its derivative and its second derivative, for every
// row of the table (ops_table.h). What they do with extreme inputs and with wrong ones:
// test_ops_limits.cpp.

#include "autograd/ops.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "autograd/watch.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/tables/declared_ops.h"
#include "tests/tables/ops_table.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

// In double the plain form is no more exact than what it is compared with.
constexpr double kBoth = sizeof(real) == sizeof(double) ? 2 : 1;

void count(const char* check, const OpCase& op) { counted("operations", check, op.name); }

// What it computes where somebody looks at the numbers: a fused operation takes its composed form.
Tensor watched_value(const OpCase& op) {
  Tape tape;
  Vars variables;
  for (const Tensor& x : inputs(op)) variables.push_back(tape.variable(x));
  const WatchNumbers watch;
  return op.f(variables).value();
}

TEST_CASE("every operation has the value of its plain form, to its roundings", "[registry]") {
  for (const OpCase& op : op_table()) {
    INFO(described(op));
    References plain = references(inputs(op));
    const Reference expected = op.plain(plain);
    Reference terms = expected;
    if (op.roundings.terms) {
      for (Reference& x : plain)
        for (double& value : x.values) value = std::abs(value);
      terms = op.plain(plain);
    }
    for (const Tensor& y : {op.f(constants(inputs(op))).value(), watched_value(op)}) {
      REQUIRE(y.shape() == expected.shape);
      std::string wrong;
      for (std::size_t i = 0; i < expected.values.size() && wrong.empty(); ++i)
        if (!close(y.values()[i], expected.values[i], kBoth * op.roundings.value,
                   std::max(std::abs(terms.values[i]), op.roundings.scale)))
          wrong = fmt::format("element {} is {}, expected {} to {} roundings", i, y.values()[i],
                              expected.values[i], kBoth * op.roundings.value);
      CHECK(wrong == "");
    }
    count("value, to its roundings of the plain double form", op);
  }
}

// The derivatives of plain(inputs) by element i of input k: the difference of fourth order, in
// double, is good to about 12 digits, which are all that float has.
std::vector<double> plain_slopes(const OpCase& op, const std::vector<Tensor>& at, std::size_t k,
                                 std::size_t i) {
  constexpr double h = 1e-3;
  const auto moved = [&](double by) {
    References in = references(at);
    in[k].values[i] += by;
    return op.plain(in).values;
  };
  const std::vector<double> up = moved(h), down = moved(-h), up2 = moved(2 * h),
                            down2 = moved(-2 * h);
  std::vector<double> result(up.size());
  for (std::size_t j = 0; j < up.size(); ++j)
    result[j] = (8 * (up[j] - down[j]) - (up2[j] - down2[j])) / (12 * h);
  return result;
}

// gradcheck, below, compares a rule with the operation's own differences, in its own precision.
// Here the rule faces the plain form in double: in float, too, it must be right to some roundings.
// Recorded and not: a fused operation has a rule for the one and a composed form for the other, of
// which gradcheck sees the first and gradgradcheck the second.
TEST_CASE("every operation has the derivative of its plain form, to its roundings", "[registry]") {
  constexpr double kDifference = 1e-9;  // what the differences may be wrong by
  for (const OpCase& op : op_table()) {
    INFO(described(op));
    const std::vector<Tensor> at = inputs(op);
    Tape tape;
    Vars xs;
    for (const Tensor& x : at) xs.push_back(tape.variable(x));
    const Var y = op.f(xs);
    const Tensor dy = Rng(2).uniform(y.shape(), real(0.5), real(1.5));
    const Gradients gradients = tape.backward(y, dy), recorded = tape.backward(y, dy, Record::yes);
    std::string wrong;
    for (std::size_t k = 0; k < at.size(); ++k) {
      const Tensor forms[] = {gradients[xs[k]].value(), recorded[xs[k]].value()};
      for (const Tensor& dx : forms) REQUIRE(dx.shape() == at[k].shape());
      for (std::size_t i = 0; i < at[k].values().size(); ++i) {
        const std::vector<double> slopes = plain_slopes(op, at, k, i);
        double expected = 0, terms = 0, additions = -1;
        for (std::size_t j = 0; j < slopes.size(); ++j) {
          if (slopes[j] == 0) continue;
          const double weight = dy.values()[j];
          expected += weight * slopes[j];
          terms += weight * std::max(std::abs(slopes[j]), op.roundings.scale);
          ++additions;
        }
        const double roundings = op.roundings.gradient + 0.5 * std::max(additions, 0.0);
        for (const Tensor& dx : forms) {
          const double error = std::abs(double{dx.values()[i]} - expected);
          if (!(error <= (kBoth * roundings * kEps + kDifference) * terms))
            wrong = fmt::format("input {}, element {}: {}, expected {}, {:.3g} roundings apart", k,
                                i, dx.values()[i], expected, error / (terms * kEps));
        }
      }
    }
    CHECK(wrong == "");
    count("gradient, to its roundings of the plain double form", op);
  }
}

TEST_CASE("every operation has the right derivative", "[registry]") {
  for (const OpCase& op : op_table()) {
    INFO(described(op));
    const GradcheckResult result = gradcheck(op.f, inputs(op));
    INFO(result.report);
    CHECK(result.passed);
    count("gradcheck", op);
  }
}

TEST_CASE("every operation has the right second derivative", "[registry]") {
  for (const OpCase& op : op_table()) {
    INFO(described(op));
    const GradcheckResult result = gradgradcheck(op.f, inputs(op));
    INFO(result.report);
    CHECK(result.passed);
    count("gradgradcheck", op);
  }
}

// Arguments may be constants: then their rules are left out, and the others must still be right.
TEST_CASE("every operation of several arguments with only one of them differentiated",
          "[registry]") {
  for (const OpCase& op : op_table()) {
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
      count("gradcheck, one argument, the others constant", op);
    }
  }
}

TEST_CASE("every operation has the same value with and without a tape", "[registry]") {
  for (const OpCase& op : op_table()) {
    INFO(described(op));
    const Var free = op.f(constants(inputs(op)));
    CHECK_FALSE(free.tracked());
    Tape tape;
    Vars variables;
    for (const Tensor& x : inputs(op)) variables.push_back(tape.variable(x));
    const Var recorded = op.f(variables);
    CHECK(recorded.tracked());
    CHECK(difference(recorded.value(), free.value()) == "");
    count("same value with and without a tape", op);
  }
}

// "add: an argument of a tape that has ended ..." - what the operation is called in messages.
std::string called(const OpCase& op) {
  std::string name = op.name.substr(0, op.name.find('('));
  if (op.name == "operator-(x)") return "neg";
  if (name == "operator+") return "add";
  if (name == "operator-") return "sub";
  if (name == "operator*") return "mul";
  if (name == "operator/") return "div";
  return name;
}

TEST_CASE("every operation refuses, by its name, arguments that cannot be differentiated",
          "[registry]") {
  for (const OpCase& op : op_table()) {
    INFO(described(op));
    Vars ended;
    {
      Tape tape;
      for (const Tensor& x : inputs(op)) ended.push_back(tape.variable(x));
    }
    CHECK(message_of<GraphError>([&] { op.f(ended); }) ==
          called(op) +
              ": an argument of a tape that has ended, or of another thread's, given; hint: keep "
              "the Tape in scope, or pass the argument's value() to use it as a constant");
    Tape outer;
    Vars outside;
    for (const Tensor& x : inputs(op)) outside.push_back(outer.variable(x));
    Tape inner;
    CHECK(message_of<GraphError>([&] { op.f(outside); }) ==
          called(op) +
              ": an argument of an outer tape given; only the innermost tape records; hint: pass "
              "its value() to use it as a constant");
    count("arguments of other tapes refused", op);
  }
}

TEST_CASE("every operation that ops.h declares has rows of every kind in the table", "[registry]") {
  const std::set<std::string> declared = declared_ops();
  REQUIRE(declared.count("pow(x, exponent)") == 1);  // the reader of the header works
  REQUIRE(declared.count("operator-(x)") == 1);
  // And that of the headers that it includes.
  REQUIRE(declared.count("matmul(A, B, trans_a, trans_b)") == 1);
  REQUIRE(declared.count("sum(x, axis, keep)") == 1);
  REQUIRE(declared.count("gather(x, indices, axis)") == 1);

  std::set<std::string> tested, without_elements, with_one, broadcasting;
  for (const OpCase& op : op_table()) {
    tested.insert(op.name);
    bool empty = false, one = false;
    for (const Shape& shape : op.shapes) {
      empty |= shape.size() == 0;
      for (int axis = 0; axis < shape.rank(); ++axis) one |= shape[axis] == 1;
    }
    if (empty) {
      without_elements.insert(op.name);
      noted("operations", "with a tensor without elements", op.name);
    }
    if (one) {
      with_one.insert(op.name);
      noted("operations", "with an axis of size 1", op.name);
    }
  }
  using None = std::vector<std::string>;
  const std::set<std::string> all = declared_ops_of_all_headers();
  {
    INFO("declared in a header of autograd/, but without a row in tests/tables/ops_table.cpp");
    CHECK(missing_from(tested, all) == None{});
  }
  {
    INFO("in tests/tables/ops_table.cpp, but not declared by that name");
    CHECK(missing_from(all, tested) == None{});
  }
  CHECK(missing_from(with_one, declared) == None{});
  // What has no meaning without elements is refused: test_ops_limits.cpp.
  without_elements.insert({"mean(x)", "max(x)", "logsumexp(x)", "norm(x)", "variance(x)"});
  CHECK(missing_from(without_elements, declared) == None{});

  // Two operands a, b of up to three axes, each axis there, of size 1 or missing: 15 forms of each.
  std::map<std::string, std::set<std::string>> pairs;
  for (const OpCase& op : op_table())
    if (declared.count(op.name) && op.name.find("a, b)") != std::string::npos) {
      pairs[op.name].insert(described(op));
      noted("operations", "of two operands in a pattern of broadcasting", op.name);
    }
  for (const std::string& name : declared)
    if (name.find("(a, b)") != std::string::npos) CHECK(pairs[name].size() >= 15 * 15);
  CHECK(pairs.size() == 11);  // four operations, their symbols, the smaller, the larger, and where
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

}  // namespace
}  // namespace gradflow
