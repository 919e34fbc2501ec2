// The tape: gradients that can be worked out by hand, derivatives of derivatives, and what happens
// when a Var is used where it does not belong.

#include "autograd/tape.h"

#include <thread>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

TEST_CASE("gradients known by hand") {
  Tape tape;
  const Var x = tape.variable(Tensor({{1, 2}, {3, 4}}));
  const Var y = tape.variable(Tensor({2}, {10, 20}));

  SECTION("the sum: ones") {
    CHECK(difference(tape.backward(sum(x))[x].value(), ones({2, 2})) == "");
  }
  SECTION("the mean: 1/n") {
    CHECK(difference(tape.backward(mean(x))[x].value(), Tensor({2, 2}, real(0.25))) == "");
  }
  SECTION("the sum of squares: 2 x") {
    const Gradients gradients = tape.backward(sum(square(x)));
    CHECK(difference(gradients[x].value(), Tensor({{2, 4}, {6, 8}})) == "");
  }
  SECTION("a product with a repeated row: each gradient is the other factor") {
    const Gradients gradients = tape.backward(sum(x * y));
    CHECK(difference(gradients[x].value(), Tensor({{10, 20}, {10, 20}})) == "");
    CHECK(difference(gradients[y].value(), Tensor({2}, {4, 6})) == "");  // sums of x's columns
  }
  SECTION("used three times: the gradients add up") {
    const Gradients gradients = tape.backward(sum(x * x * x));
    CHECK(difference(gradients[x].value(), Tensor({{3, 12}, {27, 48}})) == "");  // 3 x^2
  }
  SECTION("a quotient") {
    const Gradients gradients = tape.backward(sum(x / Tensor({{2, 4}, {8, 16}})));
    CHECK(difference(gradients[x].value(), Tensor({{0.5f, 0.25f}, {0.125f, 0.0625f}})) == "");
  }
  SECTION("a result contracted with dy") {
    const Gradients gradients = tape.backward(square(x), Tensor({{1, 0}, {-1, 10}}));
    CHECK(difference(gradients[x].value(), Tensor({{2, 0}, {-6, 80}})) == "");
  }
  SECTION("a leaf differentiated by itself: 1") {
    const Var scalar = tape.variable(Tensor::scalar(5));
    CHECK(tape.backward(scalar)[scalar].item() == 1);
  }
  SECTION("one element under any shape is a scalar") {
    const Gradients gradients = tape.backward(reshape(sum(x), {1, 1}));
    CHECK(difference(gradients[x].value(), ones({2, 2})) == "");
  }
  SECTION("two results of one tape, each with gradients of its own") {
    const Var a = sum(2 * x), b = sum(3 * x);
    CHECK(difference(tape.backward(a)[x].value(), Tensor({2, 2}, real{2})) == "");
    CHECK(difference(tape.backward(b)[x].value(), Tensor({2, 2}, real{3})) == "");
    CHECK(difference(tape.backward(a)[x].value(), Tensor({2, 2}, real{2})) == "");
  }
}

TEST_CASE("constants take part but nothing flows into them") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1, 2}));
  const Var y = 2 * x + Tensor({2}, {10, 20}) - 1;
  CHECK(difference(y.value(), Tensor({2}, {11, 23})) == "");
  const Gradients gradients = tape.backward(sum(y * x.value()));  // x.value() is a constant
  CHECK(difference(gradients[x].value(), Tensor({2}, {2, 4})) == "");
}

TEST_CASE("parameters") {
  Parameter w{Tensor({2}, {3, 5})};
  const Parameter unused{ones({4})};

  SECTION("used twice: the gradients add up") {
    Tape tape;
    const Gradients gradients = tape.backward(sum(w * w));
    CHECK(difference(gradients[w].value(), Tensor({2}, {6, 10})) == "");
  }
  SECTION("not used: zeros") {
    Tape tape;
    const Gradients gradients = tape.backward(sum(Var(w)));
    CHECK(difference(gradients[unused].value(), zeros({4})) == "");
  }
  SECTION("recorded, but not reached") {
    Tape tape;
    const Var lost = exp(Var(unused));
    CHECK(lost.tracked());
    const Gradients gradients = tape.backward(sum(Var(w)));
    CHECK(difference(gradients[unused].value(), zeros({4})) == "");
  }
  SECTION("a copy is another parameter") {
    Tape tape;
    const Parameter copy = w;  // NOLINT(performance-unnecessary-copy-initialization)
    const Gradients gradients = tape.backward(sum(2 * Var(w) + 7 * Var(copy)));
    CHECK(difference(gradients[w].value(), Tensor({2}, {2, 2})) == "");
    CHECK(difference(gradients[copy].value(), Tensor({2}, {7, 7})) == "");
  }
  SECTION("a change of the parameter does not reach what was computed before") {
    Tape tape;
    const Var y = sum(square(Var(w)));
    w.value.mutable_data()[0] = 100;
    CHECK(difference(tape.backward(y)[w].value(), Tensor({2}, {6, 10})) == "");
  }
  SECTION("gradients outlive their tape") {
    Gradients gradients;
    {
      Tape tape;
      gradients = tape.backward(sum(square(Var(w))));
    }
    CHECK(difference(gradients[w].value(), Tensor({2}, {6, 10})) == "");
  }
}

TEST_CASE("a variable that the result does not depend on has a gradient of zeros") {
  Tape tape;
  const Var x = tape.variable(ones({2})), unused = tape.variable(ones({3, 2}));
  const Var later = exp(unused);
  CHECK(later.tracked());
  const Gradients gradients = tape.backward(sum(x));
  CHECK(difference(gradients[unused].value(), zeros({3, 2})) == "");
}

TEST_CASE("a copy of a Var is the same leaf") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {3, 4}));
  const Var copy = x;  // NOLINT(performance-unnecessary-copy-initialization)
  const Gradients gradients = tape.backward(sum(x * copy));
  CHECK(difference(gradients[x].value(), Tensor({2}, {6, 8})) == "");
  CHECK(difference(gradients[copy].value(), gradients[x].value()) == "");
}

TEST_CASE("gradients do not share their storage with each other") {
  Tape tape;
  const Var x = tape.variable(ones({2})), y = tape.variable(ones({2}));
  const Gradients gradients = tape.backward(sum(x + y));  // both rules give back dy itself
  Tensor dx = gradients[x].value();
  dx.mutable_data()[0] = 100;
  CHECK(difference(gradients[y].value(), ones({2})) == "");
  CHECK(difference(gradients[x].value(), ones({2})) == "");
}

TEST_CASE("without a tape nothing is recorded") {
  const Parameter w{ones({2})};
  const Var y = exp(2 * Var(w));
  CHECK_FALSE(y.tracked());
  CHECK(close(y.value().at({0}), std::exp(2.0), 4));

  Tape tape;
  const Var constant = sum(exp(Var(ones({2}))) * 3);
  CHECK(tape.size() == 0);
  CHECK_FALSE(constant.tracked());
  const Var tracked = Var(w) * constant;
  CHECK(tracked.tracked());
  CHECK(tape.size() == 2);  // the leaf and the product
}

TEST_CASE("a backward pass leaves the tape as it was unless asked to record") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1, 2}));
  const Var y = sum(exp(x) * sin(x));
  const std::size_t size = tape.size();
  CHECK_FALSE(tape.backward(y)[x].tracked());
  CHECK(tape.size() == size);
  CHECK(tape.backward(y, Record::yes)[x].tracked());
  CHECK(tape.size() > size);
  CHECK(exp(x).tracked());  // afterwards recording goes on
}

// d/dx sin = cos, then -sin, then -cos.
TEST_CASE("derivatives of derivatives") {
  Tape tape;
  const Tensor at = Rng(1).uniform({20}, -3, 3);
  const Var x = tape.variable(at);
  const Var first = tape.backward(sum(sin(x)), Record::yes)[x];
  const Var second = tape.backward(sum(first), Record::yes)[x];
  const Var third = tape.backward(sum(second), Record::yes)[x];
  const Var fourth = tape.backward(sum(third))[x];
  CHECK_FALSE(fourth.tracked());
  const auto expected = [&](double (*f)(double)) {
    Reference y = reference(at);
    for (double& value : y.values) value = f(value);
    return y;
  };
  // One function of the library, good to 4 eps, multiplied by ones.
  CHECK(difference(first.value(), expected([](double v) { return std::cos(v); }), 4) == "");
  CHECK(difference(second.value(), expected([](double v) { return -std::sin(v); }), 4) == "");
  CHECK(difference(third.value(), expected([](double v) { return -std::cos(v); }), 4) == "");
  CHECK(difference(fourth.value(), expected([](double v) { return std::sin(v); }), 4) == "");
}

// The gradient of y for a dy that is itself on the tape depends on dy, too: a Jacobian times a
// vector is the derivative, by dy, of the transposed Jacobian times dy.
TEST_CASE("a recorded gradient can be differentiated by the dy that it came from") {
  Tape tape;
  const Var x = tape.variable(Tensor({3}, {1, -2, 3})), dy = tape.variable(Tensor({3}, {5, 7, 11}));
  const Var dx = tape.backward(square(x), dy, Record::yes)[x];  // 2 x dy
  CHECK(difference(dx.value(), Tensor({3}, {10, -28, 66})) == "");
  const Tensor direction({3}, {1, 10, 100});
  const Gradients second = tape.backward(sum(dx * direction));
  CHECK(difference(second[dy].value(), Tensor({3}, {2, -40, 600})) == "");
  CHECK(difference(second[x].value(), Tensor({3}, {10, 140, 2200})) == "");
}

TEST_CASE("a gradient takes part in a new loss") {
  // f = x^3, loss = (f')^2 = 9 x^4, its gradient: 36 x^3. For a parameter, too.
  const Parameter w{Tensor({2}, {1, 2})};
  Tape tape;
  const Var slope = tape.backward(sum(w * w * w), Record::yes)[w];
  CHECK(difference(slope.value(), Tensor({2}, {3, 12})) == "");
  const Gradients gradients = tape.backward(sum(square(slope)));
  CHECK(difference(gradients[w].value(), Tensor({2}, {36, 288})) == "");
}

TEST_CASE("a chain of 100 000 operations does not use up the stack") {
  Tape tape;
  const Var x = tape.variable(Tensor::scalar(1));
  Var y = x;
  for (int i = 0; i < 100'000; ++i) y = y + real(0.5);
  CHECK(y.item() == 50'001);
  CHECK(tape.backward(y)[x].item() == 1);
  CHECK(tape.size() == 100'001);
}

TEST_CASE("tapes may be nested") {
  Tape outer;
  const Var x = outer.variable(Tensor({2}, {1, 2}));
  const Var y = square(x);
  {
    Tape inner;
    const Var z = inner.variable(y.value());
    const Gradients gradients = inner.backward(sum(exp(z) * 0 + 3 * z));
    CHECK(difference(gradients[z].value(), Tensor({2}, {3, 3})) == "");
    CHECK(message_of<GraphError>([&] { sum(x); }) ==
          "sum: an argument of an outer tape given; only the innermost tape records; hint: pass "
          "its value() to use it as a constant");
    CHECK_THROWS_AS(z * x, GraphError);
    CHECK(message_of<GraphError>([&] { outer.backward(y, ones({2})); }) ==
          "backward: called while an inner tape is in scope");
    CHECK_THROWS_AS(inner.backward(sum(z))[x], GraphError);
  }
  CHECK(difference(outer.backward(sum(y))[x].value(), Tensor({2}, {2, 4})) == "");
}

TEST_CASE("tapes may end in any order") {
  auto outer = std::make_unique<Tape>();
  auto inner = std::make_unique<Tape>();
  outer.reset();
  CHECK(Tape::recording() == inner.get());
  const Var x = inner->variable(Tensor({2}, {1, 2}));
  CHECK(difference(inner->backward(sum(square(x)))[x].value(), Tensor({2}, {2, 4})) == "");
  inner.reset();
  CHECK(Tape::recording() == nullptr);
}

TEST_CASE("a Var of a tape that has ended") {
  std::optional<Var> kept;
  {
    Tape tape;
    kept = exp(tape.variable(zeros({2})));
  }
  const std::string expected =
      "exp: an argument of a tape that has ended, or of another thread's, given; hint: keep the "
      "Tape in scope, or pass the argument's value() to use it as a constant";
  CHECK(message_of<GraphError>([&] { exp(*kept); }) == expected);
  CHECK(difference(kept->value(), ones({2})) == "");  // the value is still there
  CHECK_FALSE(exp(kept->value()).tracked());

  Tape another;  // reuses the first one's memory, but not its identity
  another.variable(zeros({2}));
  CHECK(message_of<GraphError>([&] { exp(*kept); }) == expected);
  CHECK_THROWS_AS(another.backward(*kept, ones({2})), GraphError);
}

TEST_CASE("results that cannot be differentiated") {
  Tape tape;
  const Var x = tape.variable(Tensor({{1, 2}}));
  CHECK(message_of<ShapeError>([&] { tape.backward(exp(x)); }) ==
        "backward: a result of shape (1, 2) given; one element is required; hint: take its sum or "
        "mean, or pass dy");
  CHECK(message_of<ShapeError>([&] { tape.backward(exp(x), ones({2})); }) ==
        "backward: dy (2) for a result (1, 2) given; the shapes must be equal");
  const std::string not_here =
      "backward: a result that is not on this tape given; hint: compute it from a Parameter or a "
      "variable() while this tape is the innermost in scope";
  CHECK(message_of<GraphError>([&] { tape.backward(Var(3)); }) == not_here);
  CHECK(message_of<GraphError>([&] { tape.backward(sum(x.value())); }) == not_here);
  CHECK_THROWS_AS(tape.backward(sum(zeros({0}))), GraphError);

  const Var y = exp(x);
  const Gradients gradients = tape.backward(sum(y));
  CHECK(message_of<GraphError>([&] { gradients[y]; }) ==
        "gradients: asked for something that is not a variable of the tape; gradients are kept for "
        "variables and parameters only; hint: Tape::variable()");
  CHECK_THROWS_AS(gradients[Var(ones({2}))], GraphError);
  CHECK(difference(gradients[x].value(), y.value()) == "");  // errors have not harmed the tape
}

TEST_CASE("each thread has its own tape") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1, 2}));
  std::string used_elsewhere, backward_elsewhere, parameter_elsewhere, own_gradient;
  const Parameter w{Tensor({2}, {3, 4})};
  std::thread([&] {
    used_elsewhere = message_of<GraphError>([&] { exp(x); });
    backward_elsewhere = message_of<GraphError>([&] { tape.backward(x, ones({2})); });
    parameter_elsewhere = Var(w).tracked() ? "tracked" : "a constant";
    Tape own;
    const Var y = own.variable(x.value());
    own_gradient = difference(own.backward(sum(y * y * Var(w)))[y].value(), Tensor({2}, {6, 16}));
  }).join();
  CHECK(
      contains(used_elsewhere, "exp: an argument of a tape that has ended, or of another thread"));
  CHECK(contains(backward_elsewhere, "backward: "));
  CHECK(parameter_elsewhere == "a constant");
  CHECK(own_gradient == "");
  CHECK(difference(tape.backward(sum(x * x))[x].value(), Tensor({2}, {2, 4})) == "");
}

TEST_CASE("an error in the middle of a computation leaves the tape usable") {
  Tape tape;
  const Var x = tape.variable(ones({2, 3}));
  CHECK_THROWS_AS(x + tape.variable(ones({2})), ShapeError);
  const auto broken = [](const Var& v) {
    return record("broken", v.value(), wrt(v, [](const Var&) -> Var { throw Error("rule"); }));
  };
  CHECK(message_of<Error>([&] { tape.backward(sum(broken(x))); }) == "rule");
  CHECK(difference(tape.backward(sum(2 * x))[x].value(), Tensor({2, 3}, real{2})) == "");
  CHECK(exp(x).tracked());  // recording was not left paused
}

TEST_CASE("a fused rule cannot go through its composed form where nothing is recorded") {
  Tape tape;
  const Var x = tape.variable(Tensor::scalar(3));
  const auto cube = [](const Var& v) {
    return record_jointly("cube", v.value() * v.value() * v.value(), std::span(&v, 1),
                          [v](const Var& dy, const Tape::Sink& to) { to.through(v * v * v, dy); });
  };
  const Var y = cube(x);
  CHECK(tape.backward(y, Record::yes)[x].item() == 27);
  // Differentiated again, and twice on the way: y^3 = x^9.
  const Var slope = tape.backward(cube(y), Record::yes)[x];
  CHECK(slope.item() == 9 * 6561);
  CHECK(tape.backward(slope, Record::yes)[x].item() == 72 * 2187);
  CHECK(message_of<GraphError>([&] { tape.backward(y); }) ==
        "cube: through() in a pass that is not recorded");
}

}  // namespace
}  // namespace gradflow
