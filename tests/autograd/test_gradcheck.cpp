// Who checks the checker? Wrong rules, of the kinds that people write, must be rejected; the report
// must say where; and right rules must pass.

#include "autograd/gradcheck.h"

#include <limits>

#include "autograd/ops.h"
#include "tensor/reduce.h"
#include "tests/catch.h"

namespace gradflow {
namespace {

const Tensor kPoint({2, 2}, {real(0.5), real(-1.25), 2, real(0.75)});
const Tensor kOther({2, 2}, {real(1.5), real(0.25), -1, real(-0.5)});

// An operation y = f(x) with the rule dx = rule(dy, x).
template <class Value, class Rule>
Function operation(const Value& f, const Rule& rule) {
  return [=](const std::vector<Var>& in) {
    const Var& x = in[0];
    return record("test", f(x.value()), wrt(x, [=](const Var& dy) { return rule(dy, x); }));
  };
}

TEST_CASE("right rules pass - both checks") {
  const Function square_rule = operation([](const Tensor& x) { return square(x); },
                                         [](const Var& dy, const Var& x) { return dy * 2 * x; });
  CHECK(gradcheck(square_rule, {kPoint}).passed);
  CHECK(gradgradcheck(square_rule, {kPoint}).passed);
  // The error found is far below what is allowed: a rule wrong by little more than that is seen.
  CHECK(gradcheck(square_rule, {kPoint}).worst < GradcheckOptions{}.tolerance / 10);
}

// Their gradient does not depend on x: it is no longer on the tape that records it.
TEST_CASE("linear functions and constants pass - both checks") {
  const Function linear_rule = [](const std::vector<Var>& x) { return 3 * x[0] - x[1]; };
  CHECK(gradcheck(linear_rule, {kPoint, kOther}).passed);
  CHECK(gradgradcheck(linear_rule, {kPoint, kOther}).passed);
  const Function ignores_one = [](const std::vector<Var>& x) { return exp(x[0]); };
  CHECK(gradcheck(ignores_one, {kPoint, kOther}).passed);
  CHECK(gradgradcheck(ignores_one, {kPoint, kOther}).passed);
}

TEST_CASE("a missing factor is rejected") {
  const Function wrong = operation([](const Tensor& x) { return square(x); },
                                   [](const Var& dy, const Var& x) { return dy * x; });
  CHECK_FALSE(gradcheck(wrong, {kPoint}).passed);
}

TEST_CASE("a wrong sign is rejected") {
  const Function wrong = operation([](const Tensor& x) { return cos(x); },
                                   [](const Var& dy, const Var& x) { return dy * sin(x); });
  CHECK_FALSE(gradcheck(wrong, {kPoint}).passed);
}

TEST_CASE("a factor that is a little wrong is rejected") {
  const real factor = 1 + real(5 * GradcheckOptions{}.tolerance);
  const Function wrong =
      operation([](const Tensor& x) { return square(x); },
                [=](const Var& dy, const Var& x) { return dy * 2 * x * factor; });
  CHECK_FALSE(gradcheck(wrong, {kPoint}).passed);
}

TEST_CASE("exchanged arguments are rejected") {
  const Function wrong = [](const std::vector<Var>& in) {
    const Var &a = in[0], &b = in[1];
    return record("test", mul(a.value(), b.value()), wrt(a, [a](const Var& dy) { return dy * a; }),
                  wrt(b, [b](const Var& dy) { return dy * b; }));
  };
  CHECK_FALSE(gradcheck(wrong, {kPoint, kOther}).passed);
}

// For square matrices the shapes cannot tell.
TEST_CASE("a transposed gradient is rejected") {
  const Function wrong = [](const std::vector<Var>& in) {
    const Var &A = in[0], &B = in[1];
    return record("test", matmul(A.value(), B.value()),
                  wrt(A, [B](const Var& dC) { return matmul(B, dC, Trans::no, Trans::yes); }),
                  wrt(B, [A](const Var& dC) { return matmul(A, dC, Trans::yes); }));
  };
  CHECK_FALSE(gradcheck(wrong, {kPoint, kOther}).passed);
}

// If the elements of the result were just added up, these would pass: their errors cancel.
TEST_CASE("a rule that is right only in the sum is rejected") {
  // y = x with the axes exchanged, but dy is passed on without exchanging them.
  const Function wrong = operation([](const Tensor& x) { return transpose(x); },
                                   [](const Var& dy, const Var&) { return dy; });
  CHECK_FALSE(gradcheck(wrong, {kPoint}).passed);

  // y = 2 x, where each gradient is mixed with that of the neighbouring column.
  const Function mixed = operation([](const Tensor& x) { return add(x, x); },
                                   [](const Var& dy, const Var&) {
                                     return dy + gather(dy, {1, 0}, 1);
                                   });
  CHECK_FALSE(gradcheck(mixed, {kPoint}).passed);
  const Function summed = [&](const std::vector<Var>& x) { return sum(mixed(x)); };
  CHECK(gradcheck(summed, {kPoint}).passed);  // it does cancel in the sum
}

TEST_CASE("a missing sum over a repeated axis is rejected") {
  // y = x + row: the row's gradient takes the first row of dy instead of the sum of all.
  const Function wrong = [](const std::vector<Var>& in) {
    return record("test", add(in[0].value(), in[1].value()),
                  wrt(in[0], [](const Var& dy) { return dy; }),
                  wrt(in[1], [](const Var& dy) { return slice(dy, 0, 0, 1); }));
  };
  CHECK_FALSE(gradcheck(wrong, {kPoint, Tensor({{1, 2}})}).passed);
}

TEST_CASE("a rule that is wrong for one element is rejected") {
  Tensor mask = ones({2, 2});
  mask.mutable_data()[3] = 0;
  const Function wrong =
      operation([](const Tensor& x) { return exp(x); },
                [mask](const Var& dy, const Var& x) { return dy * exp(x) * mask; });
  const GradcheckResult result = gradcheck(wrong, {kPoint});
  CHECK_FALSE(result.passed);
  CHECK(contains(result.report, "input 0 of shape (2, 2), element 3: the rule says 0, "));
}

TEST_CASE("a forgotten argument is rejected") {
  const Function wrong = [](const std::vector<Var>& in) {
    return record("test", mul(in[0].value(), in[1].value()),
                  wrt(in[0], [b = in[1]](const Var& dy) { return dy * b; }));
  };
  const GradcheckResult result = gradcheck(wrong, {kPoint, kOther});
  CHECK_FALSE(result.passed);
  CHECK(contains(result.report, "input 1 "));
}

// The rule's numbers are right, but it computes them from values: nothing is left to differentiate.
TEST_CASE("a wrong second derivative is rejected by gradgradcheck alone") {
  const Function constant =
      operation([](const Tensor& x) { return sin(x); },
                [](const Var& dy, const Var& x) { return dy * cos(x.value()); });
  CHECK(gradcheck(constant, {kPoint}).passed);
  CHECK_FALSE(gradgradcheck(constant, {kPoint}).passed);

  // The same with dy: the gradient with respect to dy is lost.
  const Function detached =
      operation([](const Tensor& x) { return square(x); },
                [](const Var& dy, const Var& x) { return Var(dy.value()) * 2 * x; });
  const Function after = [&](const std::vector<Var>& x) { return exp(detached(x)); };
  CHECK(gradcheck(after, {kPoint}).passed);
  CHECK_FALSE(gradgradcheck(after, {kPoint}).passed);

  // A rule whose own rule has the wrong sign.
  const Function wrong_cos = operation([](const Tensor& x) { return cos(x); },
                                       [](const Var& dy, const Var& x) { return dy * sin(x); });
  const Function sine = operation([](const Tensor& x) { return sin(x); },
                                  [&](const Var& dy, const Var& x) { return dy * wrong_cos({x}); });
  CHECK(gradcheck(sine, {kPoint}).passed);
  CHECK_FALSE(gradgradcheck(sine, {kPoint}).passed);
}

TEST_CASE("NaN and infinity are rejected") {
  constexpr real nan = std::numeric_limits<real>::quiet_NaN();
  const Function nan_rule = operation([](const Tensor& x) { return exp(x); },
                                      [](const Var& dy, const Var&) { return dy * nan; });
  CHECK_FALSE(gradcheck(nan_rule, {kPoint}).passed);
  CHECK_FALSE(gradgradcheck(nan_rule, {kPoint}).passed);
  const Function nan_value = [](const std::vector<Var>& x) { return log(x[0]); };
  CHECK_FALSE(gradcheck(nan_value, {neg(ones({2})).value()}).passed);
  // In one element of many, and not the last.
  const Function one = [](const std::vector<Var>& x) { return log(x[0]); };
  const GradcheckResult result = gradcheck(one, {Tensor({3}, {1, -1, 2})});
  CHECK_FALSE(result.passed);
  CHECK(std::isnan(result.worst));
}

TEST_CASE("the tolerance is what is asked for") {
  const Function rough =
      operation([](const Tensor& x) { return square(x); },
                [](const Var& dy, const Var& x) { return dy * 2 * x * real(1.05); });
  CHECK_FALSE(gradcheck(rough, {kPoint}).passed);
  CHECK(gradcheck(rough, {kPoint}, {.tolerance = 0.1}).passed);
  CHECK(gradcheck(rough, {kPoint}).worst == Approx(0.05).epsilon(0.1));
}

}  // namespace
}  // namespace gradflow
