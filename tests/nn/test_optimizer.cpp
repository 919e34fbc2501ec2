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
  Parameters parameters() { return {{"a", &a}, {"b", &b}}; }
  std::vector<double> numbers() const {
    std::vector<double> list(a.value.values().begin(), a.value.values().end());
    list.push_back(b.value.item());
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
    Adam adam({{"p", &p}}, options);
    adam.step(Tensor(Shape{1}, {g}));
    return p.value.item();
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
    Adam adam(model.parameters(), options);
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
  Adam adam({{"p", &p}}, {.learning_rate = 0.5, .weight_decay = 0.5});
  for (int step = 0; step < 3; ++step) adam.step(zeros({2}));
  CHECK(difference(p.value, Tensor(Shape{2}, {8 * 0.421875, -0.421875})) == "");  // (3/4)^3
}

TEST_CASE("Sgd with momentum, by hand") {
  Parameter p{Tensor(Shape{1}, {1})};
  Sgd sgd({{"p", &p}}, 0.5, 0.5);
  const Tensor g = ones({1});
  sgd.step(g);  // u = 1
  CHECK(p.value.item() == 0.5);
  sgd.step(g);  // u = 1.5
  CHECK(p.value.item() == -0.25);
  sgd.step(g);  // u = 1.75
  CHECK(p.value.item() == -1.125);
}

TEST_CASE("Sgd follows its formula") {
  for (const double momentum : {0.0, 0.9}) {
    Two model;
    Sgd sgd(model.parameters(), 0.1, momentum);
    CHECK(differs_from(sgd, model, PlainSgd{momentum}, 50) == "");
  }
}

TEST_CASE("optimisers find the minimum of a quadratic") {
  struct Row {
    const char* name;
    std::function<std::unique_ptr<Optimizer>(const Parameters&)> make;
  };
  const Row rows[] = {
      {"Adam", [](const Parameters& p) { return std::make_unique<Adam>(p); }},
      {"Sgd", [](const Parameters& p) { return std::make_unique<Sgd>(p); }},
      {"Sgd with momentum", [](const Parameters& p) { return std::make_unique<Sgd>(p, 0.1, 0.9); }},
  };
  constexpr Index kSteps = 400;
  for (const Row& row : rows) {
    Two model;
    const auto optimizer = row.make(model.parameters());
    const Schedule schedule = cosine_schedule(0.1, kSteps);
    for (Index step = 0; step < kSteps; ++step) {
      optimizer->learning_rate = schedule(step);
      Tape tape;
      const Var loss = sum(Tensor({{1, 2}, {0.5, 1}}) * square(model.a - real(2))) +
                       sum(square(model.b + real(1)));
      optimizer->step(tape.backward(loss));
    }
    CAPTURE(row.name);
    for (const real x : model.a.value.values()) CHECK(x == Approx(2).margin(1e-3));
    CHECK(model.b.value.item() == Approx(-1).margin(1e-3));
  }
}

TEST_CASE("a step from gradients is one from their flat vector") {
  Two from_gradients, from_vector;
  Adam first(from_gradients.parameters()), second(from_vector.parameters());
  Tape tape;
  first.step(tape.backward(sum(square(from_gradients.a)) + sum(from_gradients.b)));
  second.step(Tensor(Shape{5}, {2, -4, 6, 1, 1}));
  CHECK(bits(from_gradients.parameters()) == bits(from_vector.parameters()));
}

TEST_CASE("a step against a weighted sum of gradients is one against that sum") {
  Two terms, sum;
  Adam adam_of_terms(terms.parameters()), adam_of_sum(sum.parameters());
  for (Index step = 0; step < 3; ++step) {
    const Tensor a = gradient_of_step(2 * step), b = gradient_of_step(2 * step + 1);
    const Optimizer::Weighted list[] = {{a, real(0.25)}, {b, real(-2)}, {a, real(0.5)}};
    adam_of_terms.step(list);  // one of them twice
    adam_of_sum.step((real(0.75) * a - 2 * b).value());
  }
  CHECK(difference(terms.a.value, reference(sum.a.value), 16, 1) == "");
  CHECK(difference(terms.b.value, reference(sum.b.value), 16, 1) == "");
}

TEST_CASE("a step moves the model and no copy of it, from wherever the model is") {
  const Tensor ones_everywhere = ones(Shape{5});
  Two model;
  Sgd sgd(model.parameters(), 1);
  sgd.step(ones_everywhere);
  const Two copy = model;  // shares the model's storage
  const std::vector<double> before = model.numbers();
  sgd.step(ones_everywhere);
  CHECK(copy.numbers() == before);
  for (std::size_t i = 0; i < 5; ++i) CHECK(model.numbers()[i] == before[i] - 1);

  const Tensor kept = model.a.value;  // takes the place of b among the owners of the storage
  const real was = kept.values()[0];
  model.b.value = Tensor(Shape{1}, {100});
  sgd.step(ones_everywhere);
  CHECK(kept.values()[0] == was);
  CHECK(model.b.value.item() == 99);
  model.a.value.mutable_data()[2] = 50;
  sgd.step(ones_everywhere);
  CHECK(model.a.value.values()[2] == 49);
  CHECK(model.a.value.shape() == Shape{2, 2});
  CHECK(model.b.value.item() == 98);

  model.a.value = model.a.value.rows(0, 1);  // not what the optimiser was made for
  CHECK(message_of<ShapeError>([&] { sgd.step(ones_everywhere); }) ==
        "step: a parameter of shape (1, 2) given; it had 4 numbers when the optimiser was made");
  CHECK(model.b.value.item() == 98);
  CHECK(sgd.steps() == 4);
  Tape tape;
  const Gradients gradients = tape.backward(sum(Var(model.a)));
  CHECK(message_of<ShapeError>([&] { sgd.step(gradients); }) ==
        "flatten: 2 numbers of a gradient given for a parameter of 4; has it been given another "
        "shape?");
}

TEST_CASE("a parameter that is listed twice is refused by name") {
  Two model;
  CHECK(message_of<ShapeError>([&] {
          Sgd({{"a", &model.a}, {"again", &model.a}});
        }) == "parameters: \"again\" given, which the list has already; each once");
}

TEST_CASE("the norm of a gradient and its clipping") {
  Tensor g(Shape{2}, {3, -4});
  CHECK(norm(g) == 5);
  CHECK(norm(zeros({3})) == 0);
  clip_norm(g, 5);  // not longer: not touched
  clip_norm(g, std::numeric_limits<double>::infinity());
  CHECK(difference(g, Tensor(Shape{2}, {3, -4})) == "");
  clip_norm(g, 1);
  CHECK(difference(g, {Shape{2}, {0.6, -0.8}}, 2) == "");
  CHECK(norm(g) == Approx(1).epsilon(2 * kEps));

  Tensor zero = zeros({2});
  clip_norm(zero, 1);
  CHECK(difference(zero, zeros({2})) == "");
  // Squares that would overflow in float.
  Tensor large(Shape{2}, {real(3e30), real(4e30)});
  CHECK(norm(large) == Approx(5e30));
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
}

// Runs on from a copy that was restored: the same bits as without the break.
template <class Make>
void check_restore(const Make& make) {
  Two whole, part;
  auto uninterrupted = make(whole.parameters());
  for (Index step = 0; step < 10; ++step) uninterrupted.step(gradient_of_step(step));

  auto first = make(part.parameters());
  for (Index step = 0; step < 4; ++step) first.step(gradient_of_step(step));
  const NamedTensors state = first.state();
  const NamedTensors at = values(part.parameters());
  const Index steps = first.steps();
  first.step(gradient_of_step(99));  // leaves what was saved alone

  Two later;
  assign(later.parameters(), at);
  auto second = make(later.parameters());
  second.restore(state, steps);
  for (Index step = 4; step < 10; ++step) second.step(gradient_of_step(step));
  CHECK(bits(later.parameters()) == bits(whole.parameters()));
  CHECK(second.steps() == 10);
}

TEST_CASE("a restored optimiser goes on as if it had not stopped") {
  check_restore([](const Parameters& p) { return Adam(p, {.learning_rate = 0.1}); });
  check_restore([](const Parameters& p) { return Sgd(p, 0.1, 0.9); });
}

TEST_CASE("states and gradients that do not fit are refused") {
  Two model;
  Adam adam(model.parameters());
  const std::string before = bits(model.parameters());
  CHECK(message_of<ShapeError>([&] { adam.step(ones({4})); }) ==
        "step: a gradient of shape (4) given; (5) is required");
  CHECK_THROWS_AS(adam.step(ones({5, 1})), ShapeError);
  CHECK_THROWS_AS(adam.step(std::span<const Optimizer::Weighted>()), ShapeError);
  CHECK(adam.steps() == 0);
  CHECK(bits(model.parameters()) == before);

  CHECK(message_of<ShapeError>([&] {
          adam.restore({{"m", ones({5})}}, 1);
        }) == "restore: no \"v\" of shape (5) given");
  CHECK_THROWS_AS(adam.restore({{"m", ones({5})}, {"v", ones({4})}}, 1), ShapeError);
  CHECK(difference(adam.state().at("m"), zeros({5})) == "");  // all or nothing
  CHECK(adam.steps() == 0);
}

}  // namespace
}  // namespace gradflow
