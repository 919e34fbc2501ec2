// Flow matching: the path it learns from, its loss and labels, how it carries points; and the one
// case with a formula, from a Gaussian to a Gaussian, learned.

#include "flows/flow_matching.h"

#include <algorithm>
#include <cmath>

#include "experiments/run/training.h"
#include "flows/path.h"
#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const Tensor& x) {
  const double n = double(x.size());
  Moments m;
  for (const real value : x.values()) m.mean += value / n;
  for (const real value : x.values()) m.variance += (value - m.mean) * (value - m.mean) / n;
  return m;
}

// A model whose velocity is the same everywhere.
FlowMatching constant_field(const std::vector<real>& velocity) {
  Rng rng(1);
  FlowMatching model(std::ssize(velocity), {.hidden = {4}}, rng);
  model.network.zero_last_layer();
  model.network.layers.back().b.value = Tensor(Shape{model.dim}, velocity);
  return model;
}

std::vector<Index> cycled_labels(Index n, Index classes) {
  std::vector<Index> labels;
  for (Index i = 0; i < n; ++i) labels.push_back(i % classes);
  return labels;
}

TEST_CASE("the models of the experiments have 12866 and 13556 parameters") {
  Rng rng(2);
  FlowMatching plain(2, {}, rng), conditional(2, {.classes = 5}, rng);
  CHECK(count(plain.parameters()) == 12866);
  CHECK(count(conditional.parameters()) == 13556);
  CHECK(plain.parameters().front().name == "network.0.weight");
  CHECK(conditional.parameters().front().name == "classes.weight");
  CHECK(conditional.parameters().back().name == "network.4.bias");
}

// --- the path ---

TEST_CASE("the linear path leads from noise at t = 0 to the data at t = 1, at its velocity") {
  Rng rng(3);
  constexpr Index kPoints = 20'000;
  const Tensor y_1 = rng.uniform({kPoints, 2}, 2, 5);
  const PathSample path = sample_linear_path(y_1, rng);
  REQUIRE(path.y_t.shape() == Shape{kPoints, 2});
  REQUIRE(path.velocity.shape() == Shape{kPoints, 2});
  REQUIRE(path.t.shape() == Shape{kPoints, 1});

  const Reference y = reference(path.y_t), v = reference(path.velocity), t = reference(path.t);
  // Going on at this velocity for the time that is left arrives at the data point.
  const auto end =
      reference(y.shape, [&](const Position& p) { return y[p] + (1 - t[with(p, 1, 0)]) * v[p]; });
  CHECK(difference(y_1, end, 8, 8) == "");
  // Where it came from is N(0, 1), independent of the data point and of the time.
  Tensor y_0(y_1.shape());
  double with_data = 0, with_time = 0;
  for (Index i = 0; i < y_0.size(); ++i) {
    const double time = t.values[std::size_t(i / 2)];
    const double start = double{path.y_t.data()[i]} - time * double{path.velocity.data()[i]};
    y_0.mutable_data()[i] = real(start);
    with_data += start * (double{y_1.data()[i]} - 3.5);
    with_time += start * (time - 0.5);
  }
  const double n = double(y_0.size());
  const Moments start = moments(y_0), time = moments(path.t);
  CHECK(std::abs(start.mean) < 4 / std::sqrt(n));  // four standard errors, here and below
  CHECK(std::abs(start.variance - 1) < 4 * std::sqrt(2 / n));
  CHECK(std::abs(with_data / n) < 4 * std::sqrt(9 / 12.0 / n));
  CHECK(std::abs(with_time / n) < 4 * std::sqrt(1 / 12.0 / n));
  // The time is U(0, 1).
  CHECK(*std::min_element(path.t.values().begin(), path.t.values().end()) >= 0);
  CHECK(*std::max_element(path.t.values().begin(), path.t.values().end()) < 1);
  CHECK(std::abs(time.mean - 0.5) < 4 * std::sqrt(1 / 12.0 / double(kPoints)));
  CHECK(std::abs(time.variance - 1 / 12.0) < 4 * std::sqrt(1 / 180.0 / double(kPoints)));
}

// --- the loss ---

TEST_CASE("the loss is the mean squared error of the velocity, per element") {
  // All data at (3, -1): the lines' velocity is that minus the noise, so a constant field c is
  // wrong by 1 + (3 - c0)^2 and 1 + (-1 - c1)^2 in the mean.
  constexpr Index kPoints = 50'000;
  Tensor points({kPoints, 2});
  for (Index i = 0; i < points.size(); ++i) points.mutable_data()[i] = i % 2 ? real(-1) : real(3);
  const auto loss_of = [&](const std::vector<real>& velocity) {
    Rng rng(4);
    return double{constant_field(velocity).loss({points, {}}, rng).item()};
  };
  const double error = 4 / std::sqrt(2.0 * kPoints);  // four standard errors, for a deviation of 1
  CHECK(loss_of({3, -1}) == Approx(1).margin(error * std::sqrt(2.0)));  // the best there is
  CHECK(loss_of({2, -1}) == Approx(1.5).margin(error * std::sqrt(2.0 + 4)));
  CHECK(loss_of({2, 2}) == Approx(1 + 5.0).margin(error * std::sqrt(2.0 + 36)));
}

TEST_CASE("the loss of a field is that of the path with the same random numbers") {
  Rng rng(5);
  const FlowMatching model(2, {.hidden = {16, 16}, .classes = 3}, rng);
  const Data data{rng.normal({7, 2}), cycled_labels(7, 3)};
  Rng again = rng;
  const Var loss = model.loss(data, rng);
  const PathSample path = sample_linear_path(data.points, again);
  const Tensor v = model.velocity(path.y_t, path.t, data.labels).value();
  double expected = 0;
  for (Index i = 0; i < v.size(); ++i)
    expected += std::pow(double{v.data()[i]} - double{path.velocity.data()[i]}, 2) / 14;
  CHECK(loss.shape() == Shape{});
  CHECK(close(loss.item(), expected, 20));
  CHECK(model.loss(data, rng).item() != loss.item());  // other noise each time
}

TEST_CASE("the velocity depends on the point, the time and the label") {
  Rng rng(6);
  const FlowMatching model(2, {.hidden = {16, 16}, .classes = 3}, rng);
  const auto at = [&](real y, real t, Index label) {
    return model.velocity(Tensor({{y, 1}}), Tensor({{t}}), {label}).value();
  };
  const Tensor v = at(0, 0, 0);
  CHECK(v.shape() == Shape{1, 2});
  CHECK(difference(at(1, 0, 0), v) != "");
  CHECK(difference(at(0, 1, 0), v) != "");
  CHECK(difference(at(0, 0, 1), v) != "");
  const Tensor by_field = model.field({0})(Tensor({{0, 1}}), 0);
  CHECK(difference(by_field, v) == "");
}

TEST_CASE("gradients of the loss are right, and reach every parameter") {
  for (const Index classes : {0, 3}) {
    CAPTURE(classes);
    Rng rng(7);
    FlowMatching model(2, {.hidden = {8, 8}, .classes = classes, .class_dim = 4}, rng);
    const Data data{rng.normal({6, 2}), classes ? cycled_labels(6, classes) : std::vector<Index>{}};
    const auto loss = [&] {
      Rng fixed(8);
      return model.loss(data, fixed);
    };
    CHECK(without_gradient(model.parameters(), loss) == "");
    CHECK(wrong_gradient(model.parameters(), loss) == "");
  }
}

TEST_CASE("labels that do not fit are refused") {
  Rng rng(9);
  const FlowMatching plain(2, {.hidden = {4}}, rng);
  const FlowMatching conditional(2, {.hidden = {4}, .classes = 3}, rng);
  const Tensor y = rng.normal({300, 2});
  const TimeSpan span{0, 1, 2};

  const std::string not_wanted =
      "FlowMatching: 2 labels for points (2, 2) given; the model is unconditional and takes none";
  CHECK(message_of<ShapeError>([&] {
          plain.velocity(ones({2, 2}), ones({2, 1}), {0, 1});
        }) == not_wanted);
  CHECK(message_of<ShapeError>([&] { plain.carry(ones({2, 2}), span, {0, 1}); }) == not_wanted);
  CHECK(message_of<ShapeError>([&] {
          conditional.velocity(ones({2, 2}), ones({2, 1}), {0});
        }) == "FlowMatching: 1 labels for points (2, 2) given; one for each point is required");
  CHECK_THROWS_AS(conditional.velocity(ones({2, 2}), ones({2, 1}), {0, 3}), ShapeError);
  CHECK_THROWS_AS(conditional.velocity(ones({2, 2}), ones({2, 1}), {0, -1}), ShapeError);

  // Fewer or more labels than points must not be noticed only by a part of the threads.
  for (const Index labels : {0, 1, 128, 256, 299, 301, 400}) {
    CAPTURE(labels);
    CHECK_THROWS_AS(conditional.carry(y, span, cycled_labels(labels, 3)), ShapeError);
    CHECK_THROWS_AS(conditional.carry_states(y, span, cycled_labels(labels, 3)), ShapeError);
  }
  CHECK_THROWS_AS(plain.carry(y, span, cycled_labels(300, 3)), ShapeError);
  CHECK_THROWS_AS(conditional.sample(5, rng, 2), ShapeError);
  CHECK_THROWS_AS(plain.sample(std::vector<Index>{0, 1}, rng, 2), ShapeError);
  CHECK_THROWS_AS(conditional.loss({y, {}}, rng), ShapeError);
}

// --- carrying points ---

TEST_CASE("points in a constant field move by its velocity, and back") {
  const FlowMatching model = constant_field({2, -0.5});
  const Tensor start({{0, 0}, {1, 3}});
  const Tensor end({{2, -0.5}, {3, 2.5}});
  CHECK(difference(model.carry(start, {0, 1, 4}), end) == "");
  CHECK(difference(model.carry(end, {1, 0, 4}), start) == "");
  CHECK(difference(model.carry(start, {0, 0.5, 4}), Tensor({{1, -0.25}, {2, 2.75}})) == "");
}

TEST_CASE("carrying is integrating, whatever the number of points, of threads and of labels") {
  Rng rng(10);
  const FlowMatching plain(2, {.hidden = {16, 16}}, rng);
  const FlowMatching conditional(2, {.hidden = {16, 16}, .classes = 5}, rng);
  const TimeSpan span{0, 1, 5}, back{1, 0, 5};
  for (const Index n : {1, 127, 128, 129, 400}) {
    CAPTURE(n);
    const Tensor y = rng.normal({n, 2});
    for (const FlowMatching* model : {&plain, &conditional}) {
      const std::vector<Index> labels = model->classes ? cycled_labels(n, 5) : std::vector<Index>{};
      for (const Solver solver : {euler, runge_kutta4}) {
        std::vector<Tensor> results;
        for (const int count : {1, 2, 3, 4}) {
          const WithThreads of(count);
          results.push_back(model->carry(y, span, labels, solver));
        }
        for (const Tensor& result : results) CHECK(difference(result, results[0]) == "");
        // Products of another size may add in another order: some roundings in each step.
        const auto plainly = integrate(model->field(labels), y, span, solver);
        CHECK(difference(results[0], reference(plainly), 100, 4) == "");
      }
      const auto states = model->carry_states(y, back, labels, euler_right_end);
      REQUIRE(states.size() == 6);
      CHECK(difference(states.front(), y) == "");
      CHECK(difference(model->carry(y, back, labels, euler_right_end), reference(states.back()),
                       100, 4) == "");
    }
  }
  CHECK(plain.carry(zeros({0, 2}), span).shape() == Shape{0, 2});
  CHECK_THROWS_AS(plain.carry(ones({3, 2}), {0, 1, 0}), ShapeError);
}

TEST_CASE("samples depend on the generator alone") {
  Rng rng(11);
  const FlowMatching plain(2, {.hidden = {8}}, rng);
  const FlowMatching conditional(2, {.hidden = {8}, .classes = 5}, rng);
  Rng first(12), same(12), other(13);
  const Tensor samples = plain.sample(200, first, 3);
  CHECK(samples.shape() == Shape{200, 2});
  CHECK(difference(plain.sample(200, same, 3), samples) == "");
  CHECK(difference(plain.sample(200, other, 3), samples) != "");
  CHECK(conditional.sample({0, 4, 4}, rng, 3).shape() == Shape{3, 2});
}

// --- from a Gaussian to a Gaussian ---

// For data N(mu, s^2) the place y_t is Gaussian, and so the mean velocity there has a formula:
//   v(y, t) = mu + (t s^2 - (1 - t)) / ((1 - t)^2 + t^2 s^2) (y - t mu)
constexpr double kMu = 1, kS = 0.5;

double variance_at(double t) { return (1 - t) * (1 - t) + t * t * kS * kS; }

double exact_velocity(double y, double t) {
  return kMu + (t * kS * kS - (1 - t)) / variance_at(t) * (y - t * kMu);
}

TEST_CASE("the formula for Gaussians carries noise to data") {
  const Velocity exact = [](const Tensor& y, real t) {
    Tensor v(y.shape());
    for (Index i = 0; i < y.size(); ++i) v.mutable_data()[i] = real(exact_velocity(y.data()[i], t));
    return v;
  };
  // y_1 = mu + s y_0: the map between Gaussians that keeps their order.
  const Tensor end = integrate(exact, Tensor({{-2}, {0}, {1}}), {0, 1, 100}, runge_kutta4);
  CHECK(end.at({0, 0}) == Approx(kMu - 2 * kS).margin(1e-4));
  CHECK(end.at({1, 0}) == Approx(kMu).margin(1e-4));
  CHECK(end.at({2, 0}) == Approx(kMu + kS).margin(1e-4));
}

TEST_CASE("flow matching learns the velocity between two Gaussians") {
  Rng rng(14);
  FlowMatching model(1, {.hidden = {32, 32}}, rng);
  const Tensor points = (kMu + kS * rng.normal({10'000, 1})).value();
  const WithThreads one(1);
  const auto result = train(
      model.parameters(), [&](const Data& batch, Rng& noise) { return model.loss(batch, noise); },
      {points, {}}, {.epochs = 15, .batch = 100, .shards = 1, .learning_rate = 0.005});

  // The error, weighted with the density of y_t, over all times: of velocities of size 1. It is
  // what is left of the loss above its floor, and 1500 steps bring it to about 0.03.
  double squares = 0, weights = 0;
  for (int i = 0; i < 20; ++i)
    for (int j = -10; j <= 10; ++j) {
      const double t = (i + 0.5) / 20, q = j / 4.0;
      const double y = t * kMu + q * std::sqrt(variance_at(t)), weight = std::exp(-q * q / 2);
      const Tensor v = model.velocity(Tensor({{real(y)}}), Tensor({{real(t)}})).value();
      squares += weight * std::pow(v.item() - exact_velocity(y, t), 2);
      weights += weight;
    }
  CHECK(std::sqrt(squares / weights) < 0.08);

  // Samples have the data's mean and deviation.
  const Moments samples = moments(model.sample(10'000, rng, 100));
  CHECK(samples.mean == Approx(kMu).margin(0.06));
  CHECK(std::sqrt(samples.variance) == Approx(kS).margin(0.06));
  CHECK(result.epochs.back().loss < result.epochs.front().loss);
}

TEST_CASE("conditional flow matching learns which class is where") {
  Rng rng(15);
  FlowMatching model(1, {.hidden = {32, 32}, .classes = 3, .class_dim = 4}, rng);
  const std::vector<Index> labels = cycled_labels(6000, 3);
  Tensor points = (real(0.3) * rng.normal({6000, 1})).value();
  for (Index i = 0; i < 6000; ++i) points.mutable_data()[i] += real(2 * (i % 3) - 2);  // -2, 0, 2
  const WithThreads one(1);
  train(model.parameters(), [&](const Data& batch, Rng& noise) { return model.loss(batch, noise); },
        {points, labels}, {.epochs = 10, .batch = 100, .shards = 1, .learning_rate = 0.005});
  for (Index label = 0; label < 3; ++label) {
    CAPTURE(label);
    const Moments own = moments(model.sample(std::vector<Index>(1000, label), rng, 50));
    CHECK(own.mean == Approx(double(2 * label - 2)).margin(0.15));
    CHECK(std::sqrt(own.variance) == Approx(0.3).margin(0.15));
  }
}

}  // namespace
}  // namespace gradflow
