// The tape: gradients that can be worked out by hand, derivatives of derivatives, and what happens
// when a Var is used where it does not belong.

#include "autograd/tape.h"

#include <thread>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "autograd/transcript.h"
#include "autograd/watch.h"
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
  Parameter w{Tensor({2}, {3, 5})}, unused{ones({4})};
  const Weights weights({{"w", &w}, {"unused", &unused}});

  SECTION("used twice: the gradients add up") {
    Tape tape(weights);
    const Gradients gradients = tape.backward(sum(w * w));
    CHECK(difference(gradients[w].value(), Tensor({2}, {6, 10})) == "");
  }
  SECTION("not used: zeros") {
    Tape tape(weights);
    const Gradients gradients = tape.backward(sum(Var(w)));
    CHECK(difference(gradients[unused].value(), zeros({4})) == "");
    CHECK(difference(gradients.flat(), Tensor({6}, {1, 1, 0, 0, 0, 0})) == "");
  }
  SECTION("recorded, but not reached") {
    Tape tape(weights);
    const Var lost = exp(Var(unused));
    CHECK(lost.tracked());
    const Gradients gradients = tape.backward(sum(Var(w)));
    CHECK(difference(gradients[unused].value(), zeros({4})) == "");
  }
  SECTION("a copy is another parameter, and a constant for a tape that was not told of it") {
    Tape tape(weights);
    const Parameter copy = w;  // NOLINT(performance-unnecessary-copy-initialization)
    CHECK_FALSE(Var(copy).tracked());
    const Gradients gradients = tape.backward(sum(2 * Var(w) + 7 * Var(copy)));
    CHECK(difference(gradients[w].value(), Tensor({2}, {2, 2})) == "");
    CHECK(message_of<GraphError>([&] { gradients[copy]; }) ==
          "gradients: asked for a parameter that is not among the Weights of the tape; it was a "
          "constant; hint: Tape tape(weights)");
  }
  SECTION("a tape that is told of none takes them for constants") {
    Tape tape;
    const Var x = tape.variable(ones({2}));
    CHECK_FALSE(Var(w).tracked());
    const Gradients gradients = tape.backward(sum(x * w));
    CHECK(difference(gradients[x].value(), w.value()) == "");
    CHECK_THROWS_AS(gradients[w], GraphError);
    CHECK(gradients.flat().size() == 0);
  }
  SECTION("one that has moved is the same parameter, before the tape and after") {
    Parameter moved = std::move(w);
    Tape tape(weights);
    const Var y = sum(square(Var(moved)));
    const Parameter again = std::move(moved);
    CHECK(difference(tape.backward(y)[again].value(), Tensor({2}, {6, 10})) == "");
    CHECK(
        message_of<GraphError>([&] { w.value(); }) ==  // NOLINT(bugprone-use-after-move)
        "parameter: one that has been moved away given; hint: use the model that it was moved to");
    w = ones({2});  // another one
    CHECK_FALSE(Var(w).tracked());
  }
  SECTION("other numbers, from another parameter or a tensor, do not make it another one") {
    const Parameter other{Tensor({2}, {10, 20})};
    w = other;
    Tape tape(weights);
    CHECK(difference(tape.backward(sum(square(Var(w))))[w].value(), Tensor({2}, {20, 40})) == "");
    w = Tensor({2}, {1, 2});
    CHECK(difference(tape.backward(sum(square(Var(w))))[w].value(), Tensor({2}, {2, 4})) == "");
  }
  SECTION("several Weights may know one parameter") {
    const Weights others({{"w", &w}});
    for (const Weights* each : {&weights, &others}) {
      Tape tape(*each);
      CHECK(difference(tape.backward(sum(square(Var(w))))[w].value(), Tensor({2}, {6, 10})) == "");
    }
  }
  SECTION("a change of the parameter does not reach what was computed before") {
    Tape tape(weights);
    const Var y = sum(square(Var(w)));
    w = Tensor({2}, {100, 5});
    CHECK(difference(tape.backward(y)[w].value(), Tensor({2}, {6, 10})) == "");
  }
  SECTION("gradients outlive their tape") {
    Gradients gradients;
    {
      Tape tape(weights);
      gradients = tape.backward(sum(square(Var(w))));
    }
    CHECK(difference(gradients[w].value(), Tensor({2}, {6, 10})) == "");
  }
}

TEST_CASE("no name and no parameter twice among Weights") {
  Parameter a{ones({2})}, b{ones({2})};
  CHECK(message_of<GraphError>([&] {
          Weights({{"same", &a}, {"same", &b}});
        }) == "Weights: two parameters named \"same\" given; each name once");
  CHECK(message_of<GraphError>([&] {
          Weights({{"a", &a}, {"again", &a}});
        }) == "Weights: the parameter \"again\" given, which the list has already; each once");
}

TEST_CASE("Weights lay their parameters side by side, and find them again wherever they are") {
  std::vector<Parameter> all;
  for (Index n = 0; n < 5; ++n) all.emplace_back(Tensor(Shape{n}, real(n)));  // moves as it grows
  Parameters list;
  for (std::size_t k = 0; k < all.size(); ++k) list.push_back({std::to_string(k), &all[k]});
  Weights weights(list);
  CHECK(weights.count() == 10);
  CHECK(difference(weights.numbers(), Tensor({10}, {1, 2, 2, 3, 3, 3, 4, 4, 4, 4})) == "");
  CHECK(weights.name_at(0) == "1");
  CHECK(weights.name_at(9) == "4");
  CHECK_THROWS_AS(weights.name_at(10), GraphError);
  std::vector<Parameter> elsewhere = std::move(all);
  elsewhere[2] = Tensor(Shape{2}, real(20));
  weights.mutable_numbers()[9] = 40;
  CHECK(elsewhere[4].value().at({3}) == 40);
  CHECK(difference(weights.numbers(), Tensor({10}, {1, 20, 20, 3, 3, 3, 4, 4, 4, 40})) == "");
  CHECK(weights.find(elsewhere[3]) == 3);
  const Parameter copy = elsewhere[3];
  CHECK_FALSE(weights.find(copy).has_value());
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
  Parameter w{ones({2})};
  const Weights weights({{"w", &w}});
  const Var y = exp(2 * Var(w));
  CHECK_FALSE(y.tracked());
  CHECK(close(y.value().at({0}), std::exp(2.0), 4));

  Tape tape(weights);
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
  Parameter w{Tensor({2}, {1, 2})};
  const Weights weights({{"w", &w}});
  Tape tape(weights);
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
  CHECK(Recorder::recording() == inner.get());
  const Var x = inner->variable(Tensor({2}, {1, 2}));
  CHECK(difference(inner->backward(sum(square(x)))[x].value(), Tensor({2}, {2, 4})) == "");
  inner.reset();
  CHECK(Recorder::recording() == nullptr);
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
      "backward: a result that is not on this tape given; hint: compute it from a variable(), "
      "or a Parameter of the tape's Weights, while this tape is the innermost in scope";
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
  CHECK(backward_elsewhere == "backward: called on another thread than the one that made the tape");
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

TEST_CASE("a derivative that is constant has derivatives of 0") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1, 2})), unused = tape.variable(ones({3}));
  const Var slope = tape.backward(sum(3 * x), Record::yes)[x];  // 3
  CHECK(difference(tape.backward(sum(slope))[x].value(), zeros({2})) == "");
  const Var first = tape.backward(sum(square(x)), Record::yes)[x];
  const Var second = tape.backward(sum(first), Record::yes)[x];
  const Var third = tape.backward(sum(second), Record::yes)[x];
  CHECK(difference(second.value(), Tensor({2}, real{2})) == "");
  CHECK(difference(third.value(), zeros({2})) == "");
  CHECK(difference(tape.backward(sum(third))[x].value(), zeros({2})) == "");
  const Var none = tape.backward(sum(x), Record::yes)[unused];
  CHECK(difference(tape.backward(sum(none))[unused].value(), zeros({3})) == "");
}

TEST_CASE("a derivative by a parameter that is constant has derivatives of 0") {
  Parameter w{Tensor({2}, {1, 2})}, unused{ones({3})}, empty{Tensor()};
  const Weights weights({{"w", &w}, {"unused", &unused}, {"empty", &empty}});
  Tape tape(weights);
  Var y = sum(w * w);
  // Each of the sum of the one before: 2 w, then 2, then 0 for ever.
  for (const Tensor& expected :
       {Tensor({2}, {2, 4}), Tensor({2}, {2, 2}), zeros({2}), zeros({2})}) {
    const Gradients gradients = tape.backward(y, Record::yes);
    CHECK(difference(gradients[w].value(), expected) == "");
    CHECK(difference(gradients.of_place(0).value(), expected) == "");
    CHECK(difference(gradients.flat(), kernel::concat(std::vector{expected, zeros({3})}, 0)) == "");
    y = sum(gradients[w]);
  }
  for (const Parameter* other : {&unused, &empty}) {
    const Var none = tape.backward(sum(w * w), Record::yes)[*other];
    CHECK(difference(none.value(), zeros(other->shape())) == "");
    CHECK(difference(tape.backward(sum(none))[*other].value(), zeros(other->shape())) == "");
  }
}

TEST_CASE("a tape cannot be differentiated by a rule of its own while that is under way") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1, 2}));
  const Var h = sum(square(x));
  const auto nested = [&](const Var& v) {
    return record("nested", v.value(),
                  wrt(v, [&](const Var& dy) { return dy * tape.backward(h)[x]; }));
  };
  CHECK(message_of<GraphError>([&] { tape.backward(sum(nested(x)) + sum(5 * x)); }) ==
        "backward: called by a rule of the same tape, which is being differentiated");
  CHECK(difference(tape.backward(h)[x].value(), Tensor({2}, {2, 4})) == "");  // usable afterwards
  // On a tape of its own a rule may.
  const auto apart = [](const Var& v) {
    return record("apart", v.value(), wrt(v, [at = v.value()](const Var& dy) {
                    Tape inner;
                    const Var z = inner.variable(at);
                    return dy.value() * inner.backward(sum(square(z)))[z].value();
                  }));
  };
  CHECK(difference(tape.backward(sum(apart(x)) + sum(5 * x))[x].value(), Tensor({2}, {7, 9})) ==
        "");
}

TEST_CASE("nothing is recorded while an Unrecorded is in scope") {
  Parameter w{ones({2})};
  const Weights weights({{"w", &w}});
  Tape tape(weights);
  const Var x = tape.variable(ones({2}));
  const std::size_t size = tape.size();
  {
    const Unrecorded unrecorded;
    CHECK_FALSE((x * w).tracked());
    {
      const Unrecorded again;
      CHECK_FALSE(exp(x).tracked());
    }
    CHECK_FALSE(exp(x).tracked());
    Tape inner;  // one that begins within it does record
    const Var z = inner.variable(ones({2}));
    CHECK(difference(inner.backward(sum(square(z)))[z].value(), Tensor({2}, real{2})) == "");
  }
  CHECK(tape.size() == size);
  CHECK(exp(x).tracked());
  { const Unrecorded in_no_tape; }
}

TEST_CASE("a tape that another thread ends is reported once, and then forgotten") {
  auto tape = std::make_unique<Tape>();
  const Var x = tape->variable(ones({2}));
  std::thread([&] { tape.reset(); }).join();
  CHECK(contains(message_of<GraphError>([&] { exp(x); }),
                 "one of this thread's tapes has been ended by another thread"));
  CHECK(contains(message_of<GraphError>([&] { exp(x); }), "of a tape that has ended"));
  Tape another;
  const Var y = another.variable(ones({2}));
  CHECK(difference(another.backward(sum(3 * y))[y].value(), Tensor({2}, real{3})) == "");
}

TEST_CASE("a tape may outlive the thread that made it") {
  std::unique_ptr<Tape> kept;
  std::thread([&] {
    kept = std::make_unique<Tape>();
    exp(kept->variable(ones({2})));
  }).join();
  CHECK(kept->size() == 2);
  kept.reset();
  CHECK(Recorder::recording() == nullptr);
}

using Vars = std::vector<Var>;

// y = x^3 and s = the sum of x along the last axis, from one loop.
std::array<Var, 2> cube_and_sum(const Var& x) {
  const auto cubed = [](real v) { return v * v * v; };
  return record_fused(
      "cube_and_sum", std::array{kernel::map("cube", x.value(), cubed), kernel::sum(x.value(), -1)},
      std::array{x},
      [](const std::array<Var, 1>& of) {
        return std::array{of[0] * of[0] * of[0], sum(of[0], -1)};
      },
      [x = x.value()](const std::array<Tensor, 2>& dy, const std::array<bool, 1>& wanted) {
        CHECK(wanted[0]);
        const auto rule = [](real v, real d) { return d * 3 * v * v; };
        const Tensor ds = dy[1].reshaped({dy[1].size(), 1});
        return std::array{kernel::map("add", kernel::map("cube", x, dy[0], rule), ds, std::plus())};
      });
}

TEST_CASE("a fused operation with two results: either, both, and derivatives of derivatives") {
  const Tensor at = Rng(2).normal({4, 3});
  Tape tape;
  const Var x = tape.variable(at);
  const auto [y, s] = cube_and_sum(x);
  const Var cubes = 3 * square(at);
  CHECK(difference(tape.backward(sum(y))[x].value(), reference(cubes.value()), 4) == "");
  CHECK(difference(tape.backward(sum(s))[x].value(), ones({4, 3})) == "");
  CHECK(difference(tape.backward(sum(y) + 2 * sum(s))[x].value(), reference((cubes + 2).value()),
                   4) == "");
  const auto both = [](const std::vector<Var>& in) {
    const auto [cube, total] = cube_and_sum(in[0]);
    return cube + reshape(square(total), {4, 1});
  };
  const auto first = gradcheck(both, {at}), second = gradgradcheck(both, {at});
  INFO(first.report << " " << second.report);
  CHECK(first.passed);
  CHECK(second.passed);
  // Differentiated again, and twice on the way: (x^3)^3 = x^9.
  const Var one = tape.variable(Tensor(Shape{1}, {2}));
  const Var ninth = cube_and_sum(cube_and_sum(one)[0])[0];
  const Var slope = tape.backward(ninth, Record::yes)[one];
  CHECK(slope.item() == 9 * 256);
  CHECK(tape.backward(slope, Record::yes)[one].item() == 72 * 128);
}

TEST_CASE("split gives two slices, whose gradients are joined again") {
  for (const Shape& shape :
       {Shape{5}, Shape{1}, Shape{2, 3}, Shape{4, 1}, Shape{2, 3, 2}, Shape{0, 2}})
    for (int axis = 0; axis < shape.rank(); ++axis)
      for (Index at = 0; at <= shape[axis]; ++at) {
        CAPTURE(to_string(shape), axis, at);
        const Tensor x = Rng(3).normal(shape);
        const int same_axis = axis - shape.rank();  // counted from the end
        const auto [before, after] = split(x, same_axis, at);
        CHECK(difference(before, kernel::slice(x, axis, 0, at)) == "");
        CHECK(difference(after, kernel::slice(x, axis, at, shape[axis])) == "");
        // Of one part alone, of both, and of what is not linear in them.
        const auto first = [&](const Vars& in) { return split(in[0], axis, at)[0]; };
        const auto second = [&](const Vars& in) { return split(in[0], axis, at)[1]; };
        const auto both = [&](const Vars& in) {
          const auto [a, b] = split(in[0], axis, at);
          return sum(square(a)) * (1 + sum(b * square(b)));
        };
        for (const Function& f : {Function(first), Function(second), Function(both)}) {
          const auto once = gradcheck(f, {x}), twice = gradgradcheck(f, {x});
          INFO(once.report << " " << twice.report);
          CHECK(once.passed);
          CHECK(twice.passed);
        }
        // A fused operation has two forms: its rule, and the slices that it means.
        Tape tape;
        const Var v = tape.variable(x);
        const Var y = both({v});
        CHECK(difference(tape.backward(y)[v], reference(tape.backward(y, Record::yes)[v].value()),
                         8, 1) == "");
      }
  CHECK(message_of<ShapeError>([] {
          split(ones({2, 3}), 1, 4);
        }) == "split: at 4 on axis 1 of shape (2, 3) given");
  CHECK_THROWS_AS(split(ones({2, 3}), 0, -1), ShapeError);
  CHECK_THROWS_AS(split(ones({2, 3}), 2, 0), ShapeError);
}

TEST_CASE("where somebody looks at the numbers, what a fused operation is made of is used") {
  Tape tape;
  const Var x = tape.variable(Tensor({1, 2}, {1, std::numeric_limits<real>::max()}));
  CHECK(tape.size() == 1);
  cube_and_sum(x);
  CHECK(tape.size() == 3);
  const WatchNumbers watch;
  CHECK(message_of<NonFiniteError>([&] { cube_and_sum(x); }) == "the result of mul is not finite");
}

TEST_CASE("a transcript holds the graph, its values and gradients") {
  Parameter w{Tensor({2}, {3, 5})};
  Weights weights({{"w", &w}});
  const Transcript transcript;
  CHECK_THROWS_AS(Transcript(), GraphError);
  Tape tape(weights);
  const Var x = tape.variable(Tensor({2}, {1, 2}));
  const Var p = w, y = x * p, unused = x + p, z = sum(y * y);
  tape.backward(z);
  // d z / d y = 2 y,   d z / d x = 2 y w,   d z / d w = 2 y x
  const auto& nodes = transcript.nodes();
  REQUIRE(nodes.size() == 6);
  const auto check = [&](std::size_t k, const char* op, const Tensor& value,
                         const std::vector<Index>& inputs, const std::optional<Tensor>& gradient) {
    CAPTURE(k);
    CHECK(nodes[k].op == op);
    CHECK(difference(nodes[k].value, value) == "");
    CHECK(nodes[k].inputs == inputs);
    REQUIRE(nodes[k].gradient.has_value() == gradient.has_value());
    if (gradient) CHECK(difference(*nodes[k].gradient, *gradient) == "");
  };
  check(0, "variable", Tensor({2}, {1, 2}), {}, Tensor({2}, {18, 100}));
  check(1, "parameter", Tensor({2}, {3, 5}), {}, Tensor({2}, {6, 40}));
  check(2, "mul", Tensor({2}, {3, 10}), {0, 1}, Tensor({2}, {6, 20}));
  check(3, "add", Tensor({2}, {4, 7}), {}, {});  // nothing depends on it
  check(4, "mul", Tensor({2}, {9, 100}), {2}, Tensor({2}, {1, 1}));
  check(5, "sum", Tensor::scalar(109), {4}, Tensor::scalar(1));
  CHECK(nodes[1].parameter == "w");
  CHECK(nodes[0].parameter.empty());
}

TEST_CASE("a parameter of another size than its Weights know is refused wherever it is used") {
  for (const Index size : {1, 2, 4, 3000}) {
    CAPTURE(size);
    Parameter a{ones({2})}, w{ones({3})};
    const Weights first({{"a", &a}, {"w", &w}}), second({{"other", &w}});
    w = ones({size});
    const std::string shape = fmt::format("of shape ({}) given", size);
    for (const auto& [weights, name] : {std::pair{&first, "w"}, {&second, "other"}}) {
      Tape tape(*weights);
      const Gradients gradients = tape.backward(sum(tape.variable(ones({2}))));
      const auto refused = [&, named = name](const auto& f) {
        const std::string message = message_of<ShapeError>(f);
        CHECK(contains(message, fmt::format("Weights: parameter \"{}\" {}", named, shape)));
      };
      refused([&] { Var{w}; });
      refused([&] { tape.backward(sum(w * w)); });
      refused([&] { gradients[w]; });
    }
    w = zeros({3});
    Tape tape(first);
    CHECK(difference(tape.backward(sum(w * w + 2 * Var(w))).flat(), Tensor({5}, {0, 0, 2, 2, 2})) ==
          "");
  }
}

TEST_CASE("a fused operation whose two forms differ in shape is refused") {
  const auto wrong = [](const Var& x) {
    return record_fused(
        "wrong", std::array{kernel::sum(x.value(), -1)}, std::array{x},
        [](const std::array<Var, 1>& of) { return std::array{sum(of[0], -1, KeepAxis::yes)}; },
        [x](const std::array<Tensor, 1>&, const std::array<bool, 1>&) {
          return std::array{ones(x.shape())};
        })[0];
  };
  for (const Index n : {1, 2, 5}) {
    Tape tape;
    const Var x = tape.variable(ones({n, 3}));
    const Var y = sum(wrong(x));
    CHECK(message_of<GraphError>([&] { tape.backward(y, Record::yes); }) ==
          fmt::format(
              "wrong: composed of others it gives ({0}, 1), fused ({0}); the same is required", n));
  }
}

}  // namespace
}  // namespace gradflow
