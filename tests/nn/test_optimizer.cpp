// Optimisers against the published algorithms, written out for single numbers in double; and what
// surrounds them: clipping, schedules, the state that a checkpoint keeps.

#include "nn/optimizer.h"

#include <functional>
#include <memory>

#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// Two parameters of different shapes: five numbers in one flat vector.
struct Two {
  Parameter a{Tensor({{1, -2}, {3, 0.5}})};
  Parameter b{Tensor(Shape{1}, {-0.25})};
  void visit(const Visitor& visit) {
    visit("a", a);
    visit("b", b);
  }
  std::vector<double> numbers() const {
    std::vector<double> list(a.value().values().begin(), a.value().values().end());
    list.push_back(b.value().item());
    return list;
  }
};

// Gradients of sizes from 1e-3 to 1e3, of both signs, and some zeros.
Tensor gradient_of_step(Index step) {
  Rng rng = Rng(1).fork(std::uint64_t(step));
  const Tensor direction = rng.normal({5});
  Tensor g = (direction * Tensor(Shape{5}, {real(1e-3), 1, real(1e3), 1, real(0.1)})).value();
  if (step % 4 == 0) g.mutable_data()[1] = 0;
  return g;
}

double rate_of_step(Index step) { return 0.1 / double(1 + step % 3); }

// Adam and AdamW as published, for one number.
struct PlainAdam {
  AdamOptions o;
  double m = 0, v = 0;
  int t = 0;
  double step(double p, double g, double rate) {
    ++t;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta1, t));
    const double v_hat = v / (1 - std::pow(o.beta2, t));
    return p - rate * (m_hat / (std::sqrt(v_hat) + o.epsilon) + o.weight_decay * p);
  }
};

struct PlainSgd {
  double momentum, u = 0;
  double step(double p, double g, double rate) {
    u = momentum * u + g;
    return p - rate * u;
  }
};

// Runs an optimiser beside a plain one for each number; what differs after some step, or "".
template <class Plain>
std::string differs_from(Optimizer& optimizer, const Two& model, const Plain& plain, Index steps) {
  std::vector<Plain> each(5, plain);
  std::vector<double> expected = model.numbers();
  for (Index step = 0; step < steps; ++step) {
    const Tensor g = gradient_of_step(step);
    optimizer.learning_rate = rate_of_step(step);
    optimizer.step(g);
    const std::vector<double> now = model.numbers();
    for (std::size_t i = 0; i < 5; ++i) {
      const double start = expected[i];
      expected[i] = each[i].step(start, g.data()[i], optimizer.learning_rate);
      // Ten operations a step, on numbers and moves of these sizes.
      const double scale = std::max(1.0, std::abs(expected[i]) + std::abs(expected[i] - start));
      if (!close(real(now[i]), expected[i], 10.0 * double(step + 1), scale))
        return fmt::format("step {}, number {} is {}, expected {}", step, i, now[i], expected[i]);
    }
  }
  return "";
}

TEST_CASE("Adam's first step is rate g / (|g| + epsilon), for a gradient of any size") {
  // By hand: m / (1 - beta1) = g and v / (1 - beta2) = g^2.
  const auto first_step = [](real g, const AdamOptions& options) {
    Parameter p{Tensor(Shape{1}, {1})};
    Weights weights({{"p", &p}});
    Adam adam(weights, options);
    adam.step(Tensor(Shape{1}, {g}));
    return p.value().item();
  };
  const AdamOptions visible{.learning_rate = 0.5, .epsilon = 1};
  CHECK(close(first_step(1, visible), 1 - 0.5 / 2, 8, 1));
  CHECK(close(first_step(-3, visible), 1 + 0.5 * 3 / 4, 8, 1));
  CHECK(close(first_step(0.25, visible), 1 - 0.5 / 5, 8, 1));
  for (const real size : {real(1e-4), real(1), real(1e6)})
    CHECK(close(first_step(size, {.learning_rate = 0.5}), 1 - 0.5 * size / (size + 1e-8), 8, 1));
  CHECK(first_step(0, {}) == 1);  // and not 0 / 0
}

TEST_CASE("Adam follows the published algorithm") {
  for (const AdamOptions& options :
       {AdamOptions{}, AdamOptions{.beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3},
        AdamOptions{.beta1 = 0}, AdamOptions{.weight_decay = 0.1}}) {
    CAPTURE(options.beta1, options.beta2, options.weight_decay);
    Two model;
    Weights weights(parameters(model));
    Adam adam(weights, options);
    CHECK(differs_from(adam, model, PlainAdam{options}, 100) == "");
    CHECK(adam.steps() == 100);
  }
}

TEST_CASE("Adam's defaults are those of the paper") {
  const AdamOptions options;
  CHECK(options.learning_rate == 1e-3);
  CHECK(options.beta1 == 0.9);
  CHECK(options.beta2 == 0.999);
  CHECK(options.epsilon == 1e-8);
  CHECK(options.weight_decay == 0);
}

TEST_CASE("AdamW's decay is decoupled from the gradient") {
  // Without a gradient a parameter shrinks by the same factor at each step. Were the decay part of
  // the gradient, as in plain L2 regularisation, Adam would make every step one of `rate`.
  Parameter p{Tensor(Shape{2}, {8, -1})};
  Weights weights({{"p", &p}});
  Adam adam(weights, {.learning_rate = 0.5, .weight_decay = 0.5});
  for (int step = 0; step < 3; ++step) adam.step(zeros({2}));
  CHECK(difference(p.value(), Tensor(Shape{2}, {8 * 0.421875, -0.421875})) == "");  // (3/4)^3
}

TEST_CASE("Sgd with momentum, by hand") {
  Parameter p{Tensor(Shape{1}, {1})};
  Weights weights({{"p", &p}});
  Sgd sgd(weights, 0.5, 0.5);
  const Tensor g = ones({1});
  sgd.step(g);  // u = 1
  CHECK(p.value().item() == 0.5);
  sgd.step(g);  // u = 1.5
  CHECK(p.value().item() == -0.25);
  sgd.step(g);  // u = 1.75
  CHECK(p.value().item() == -1.125);
}

TEST_CASE("Sgd follows its formula") {
  for (const double momentum : {0.0, 0.9}) {
    Two model;
    Weights weights(parameters(model));
    Sgd sgd(weights, 0.1, momentum);
    CHECK(differs_from(sgd, model, PlainSgd{momentum}, 50) == "");
  }
}

TEST_CASE("optimisers find the minimum of a quadratic") {
  struct Row {
    const char* name;
    std::function<std::unique_ptr<Optimizer>(Weights&)> make;
  };
  const Row rows[] = {
      {"Adam", [](Weights& p) { return std::make_unique<Adam>(p); }},
      {"Sgd", [](Weights& p) { return std::make_unique<Sgd>(p); }},
      {"Sgd with momentum", [](Weights& p) { return std::make_unique<Sgd>(p, 0.1, 0.9); }},
  };
  constexpr Index kSteps = 400;
  for (const Row& row : rows) {
    Two model;
    Weights weights(parameters(model));
    const auto optimizer = row.make(weights);
    const Schedule schedule = cosine_schedule(0.1, kSteps);
    for (Index step = 0; step < kSteps; ++step) {
      optimizer->learning_rate = schedule(step);
      Tape tape(weights);
      const Var loss = sum(Tensor({{1, 2}, {0.5, 1}}) * square(model.a - real(2))) +
                       sum(square(model.b + real(1)));
      optimizer->step(tape.backward(loss));
    }
    CAPTURE(row.name);
    for (const real x : model.a.value().values()) CHECK(x == Approx(2).margin(1e-3));
    CHECK(model.b.value().item() == Approx(-1).margin(1e-3));
  }
}

TEST_CASE("a step from gradients is one from their flat vector") {
  Two from_gradients, from_vector;
  Weights weights(parameters(from_gradients)), others(parameters(from_vector));
  Adam first(weights), second(others);
  Tape tape(weights);
  first.step(tape.backward(sum(square(from_gradients.a)) + sum(from_gradients.b)));
  second.step(Tensor(Shape{5}, {2, -4, 6, 1, 1}));
  CHECK(bits(from_gradients) == bits(from_vector));
}

TEST_CASE("a step against a gradient times a factor is one against the product") {
  Two factor, product;
  Weights of_factor(parameters(factor)), of_product(parameters(product));
  Adam adam_of_factor(of_factor), adam_of_product(of_product);
  for (Index step = 0; step < 3; ++step) {
    const Tensor g = gradient_of_step(step);
    adam_of_factor.step(g, 0.75);
    adam_of_product.step((real(0.75) * g).value());
  }
  CHECK(bits(factor) == bits(product));
}

TEST_CASE("a step moves the model and no copy of it, from wherever the model is") {
  const Tensor ones_everywhere = ones(Shape{5});
  Two model;
  Weights weights(parameters(model));
  Sgd sgd(weights, 1);
  sgd.step(ones_everywhere);
  const Two copy = model;  // shares the model's storage
  const std::vector<double> before = model.numbers();
  sgd.step(ones_everywhere);
  CHECK(copy.numbers() == before);
  for (std::size_t i = 0; i < 5; ++i) CHECK(model.numbers()[i] == before[i] - 1);

  const Tensor kept = model.a.value();  // takes the place of b among the owners of the storage
  const real was = kept.values()[0];
  model.b = Tensor(Shape{1}, {100});
  sgd.step(ones_everywhere);
  CHECK(kept.values()[0] == was);
  CHECK(model.b.value().item() == 99);
  Tensor changed = model.a.value();
  changed.mutable_data()[2] = 50;
  model.a = changed;
  sgd.step(ones_everywhere);
  CHECK(model.a.value().values()[2] == 49);
  CHECK(model.a.value().shape() == Shape{2, 2});
  CHECK(model.b.value().item() == 98);

  model.a = model.a.value().rows(0, 1);  // not what the optimiser was made for
  CHECK(message_of<ShapeError>([&] { sgd.step(ones_everywhere); }) ==
        "Weights: parameter \"a\" of shape (1, 2) given; as many numbers are required as it had "
        "when the Weights were made");
  CHECK(model.b.value().item() == 98);
  CHECK(sgd.steps() == 4);
}

TEST_CASE("values that make no sense are refused by name") {
  constexpr double nan = kNan, infinity = kInfinity;
  Two model;
  Weights weights(parameters(model));
  const auto refused = [&](const AdamOptions& options, const std::string& named) {
    CAPTURE(named);
    CHECK(contains(message_of<ShapeError>([&] { Adam(weights, options); }), named));
  };
  for (const double share : {1.0, 1.5, -0.1, nan, infinity}) {
    refused({.beta1 = share}, fmt::format("Adam: beta1 {} given", share));
    refused({.beta2 = share}, fmt::format("Adam: beta2 {} given", share));
    CHECK(contains(message_of<ShapeError>([&] { Sgd(weights, 0.1, share); }),
                   fmt::format("Sgd: momentum {} given", share)));
  }
  for (const double below_0 : {-0.2, -1e-300, nan, infinity, -infinity}) {
    refused({.learning_rate = below_0}, fmt::format("Adam: a learning rate of {} given", below_0));
    refused({.epsilon = below_0}, fmt::format("Adam: epsilon {} given", below_0));
    refused({.weight_decay = below_0}, fmt::format("Adam: a weight decay of {} given", below_0));
    CHECK(contains(message_of<ShapeError>([&] { Sgd(weights, below_0); }),
                   fmt::format("Sgd: a learning rate of {} given", below_0)));
    CHECK(contains(message_of<ShapeError>([&] { cosine_schedule(below_0, 3); }),
                   fmt::format("cosine_schedule: a learning rate of {} given", below_0)));
    Sgd sgd(weights);
    CHECK(contains(message_of<ShapeError>([&] { sgd.step(ones({5}), below_0); }),
                   fmt::format("step: a factor of {} given", below_0)));
    sgd.learning_rate = below_0;
    CHECK(contains(message_of<ShapeError>([&] { sgd.step(ones({5})); }),
                   fmt::format("step: a learning rate of {} given", below_0)));
    CHECK(sgd.steps() == 0);
  }
  refused({.epsilon = 0}, "Adam: epsilon 0 given");
  // More than all of a number is taken from it: it would change its sign at each step.
  refused({.learning_rate = 0.5, .weight_decay = 2.5},
          "Adam: a learning rate of 0.5 and a weight decay of 2.5 given; their product, the share "
          "that a step takes from each number, must be at most 1");
  CHECK(Adam(weights, {.learning_rate = 0.5, .weight_decay = 2}).steps() == 0);
  // What a double can hold and a float cannot.
  constexpr double kHuge = 2 * double{std::numeric_limits<float>::max()}, kTiny = 1e-60;
  if (sizeof(real) == sizeof(float)) {
    refused({.epsilon = kTiny}, fmt::format("Adam: epsilon {} given", kTiny));
    refused({.epsilon = kHuge}, fmt::format("Adam: epsilon {} given", kHuge));
    refused({.learning_rate = kHuge}, fmt::format("Adam: a learning rate of {} given", kHuge));
    refused({.weight_decay = kHuge}, fmt::format("Adam: a weight decay of {} given", kHuge));
    CHECK_THROWS_AS(Sgd(weights, kHuge), ShapeError);
    CHECK_THROWS_AS(Sgd(weights).step(ones({5}), kHuge), ShapeError);
  } else {
    CHECK(Adam(weights, {.epsilon = kTiny}).steps() == 0);
  }
  for (const Index epochs : {0, -1})
    CHECK(message_of<ShapeError>([&] { cosine_schedule(0.1, epochs); }) ==
          fmt::format("cosine_schedule: {} epochs given; at least 1", epochs));
}

TEST_CASE("the norm of a gradient and its clipping") {
  Tensor g(Shape{2}, {3, -4});
  CHECK(global_norm(g) == 5);
  CHECK(global_norm(zeros({3})) == 0);
  clip_norm(g, 5);  // not longer: not touched
  clip_norm(g, std::numeric_limits<double>::infinity());
  CHECK(difference(g, Tensor(Shape{2}, {3, -4})) == "");
  clip_norm(g, 1);
  CHECK(difference(g, {Shape{2}, {0.6, -0.8}}, 2) == "");
  CHECK(global_norm(g) == Approx(1).epsilon(2 * kEps));

  Tensor zero = zeros({2});
  clip_norm(zero, 1);
  CHECK(difference(zero, zeros({2})) == "");
  // Squares that would overflow in float.
  Tensor large(Shape{2}, {real(3e30), real(4e30)});
  CHECK(global_norm(large) == Approx(5e30));
  clip_norm(large, 1);
  CHECK(difference(large, {Shape{2}, {0.6, 0.8}}, 4) == "");
}

TEST_CASE("the cosine falls from the rate to 0 over the epochs") {
  const Schedule schedule = cosine_schedule(1e-3, 20);
  CHECK(schedule(0) == 1e-3);
  CHECK(schedule(10) == Approx(5e-4).epsilon(1e-14));
  CHECK(schedule(20) == Approx(0).margin(1e-18));
  for (Index epoch = 0; epoch < 20; ++epoch) {
    const double pi = std::acos(-1.0);
    CHECK(schedule(epoch) == Approx(5e-4 * (1 + std::cos(pi * double(epoch) / 20))).epsilon(1e-14));
    CHECK(schedule(epoch + 1) < schedule(epoch));
  }
  for (const Index after : {20, 21, 25, 39, 40, 1000}) CHECK(schedule(after) == 0);  // it stays
}

// Runs on from a copy that was restored: the same bits as without the break.
template <class Make>
void check_restore(const Make& make) {
  Two whole, part;
  Weights of_whole(parameters(whole)), of_part(parameters(part));
  auto uninterrupted = make(of_whole);
  for (Index step = 0; step < 10; ++step) uninterrupted.step(gradient_of_step(step));

  auto first = make(of_part);
  for (Index step = 0; step < 4; ++step) first.step(gradient_of_step(step));
  const NamedTensors state = first.state();
  const NamedTensors at = tensors(parameters(part));
  const Index steps = first.steps();
  first.step(gradient_of_step(99));  // leaves what was saved alone

  Two later;
  assign(parameters(later), at);
  Weights of_later(parameters(later));
  auto second = make(of_later);
  second.restore(state, steps);
  for (Index step = 4; step < 10; ++step) second.step(gradient_of_step(step));
  CHECK(bits(later) == bits(whole));
  CHECK(second.steps() == 10);
}

TEST_CASE("a restored optimiser goes on as if it had not stopped") {
  check_restore([](Weights& p) { return Adam(p, {.learning_rate = 0.1}); });
  check_restore([](Weights& p) { return Sgd(p, 0.1, 0.9); });
}

TEST_CASE("states and gradients that do not fit are refused") {
  Two model;
  Weights weights(parameters(model));
  Adam adam(weights);
  const std::string before = bits(model);
  CHECK(message_of<ShapeError>([&] { adam.step(ones({4})); }) ==
        "step: a gradient of shape (4) given; (5) is required");
  CHECK_THROWS_AS(adam.step(ones({5, 1})), ShapeError);
  CHECK(adam.steps() == 0);
  CHECK(bits(model) == before);

  CHECK(message_of<ShapeError>([&] {
          adam.restore({{"m", ones({5})}}, 1);
        }) == "restore: no \"v\" of shape (5) given");
  CHECK_THROWS_AS(adam.restore({{"m", ones({5})}, {"v", ones({4})}}, 1), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          adam.restore({{"m", ones({5})}, {"v", ones({5})}}, -1);
        }) == "restore: -1 steps given; 0 or more");
  const Tensor wrong({5}, {1, 1, std::numeric_limits<real>::quiet_NaN(), 1, 1});
  CHECK(message_of<ShapeError>([&] {
          adam.restore({{"m", ones({5})}, {"v", wrong}}, 1);
        }) == "restore: \"v\" given is not finite");
  CHECK(message_of<ShapeError>([&] {
          adam.restore({{"m", ones({5})}, {"v", ones({5})}, {"w", ones({5})}}, 1);
        }) == "restore: \"w\" given; this optimiser does not remember it");
  CHECK(difference(adam.state().at("m"), zeros({5})) == "");  // all or nothing
  CHECK(adam.steps() == 0);
}

TEST_CASE("gradients of another model's weights are refused, though they are as many") {
  Two model, other;
  Weights weights(parameters(model)), others(parameters(other));
  Adam adam(weights);
  const std::string before = bits(model);
  Tape tape(others);
  const Gradients gradients = tape.backward(sum(square(Var(other.a))));
  CHECK(contains(message_of<GraphError>([&] { adam.step(gradients); }),
                 "step: gradients of other Weights given"));
  CHECK(bits(model) == before);
  CHECK(adam.steps() == 0);
}

}  // namespace
}  // namespace gradflow
