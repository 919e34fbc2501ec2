// Models that need few steps, or noise on the way: reflow, the bridge, MeanFlow.

#include <algorithm>
#include <cmath>

#include "flows/matching/bridge.h"
#include "flows/matching/mean_flow.h"
#include "flows/matching/reflow.h"
#include "nn/optimizer.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/mixture.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// Steps of Adam against a loss, the rate going down to 0.
template <class Model, class F>
void train_by(Model& model, Index steps, double rate, const F& loss) {
  Weights weights(parameters(model));
  Adam adam(weights);
  const Schedule schedule = cosine_schedule(rate, steps);
  for (Index step = 0; step < steps; ++step) {
    adam.learning_rate = schedule(step);
    Tape tape(weights);
    adam.step(tape.backward(loss()));
  }
}

// On a line, half of the data around -1.5 and half around 1.5: lines cross in the middle.
Tensor two_heaps(Index n, Rng& rng) {
  Tensor x = (real(0.3) * rng.normal({n, 1})).value();
  for (Index i = 0; i < n; ++i) x.mutable_data()[i] += i % 2 ? real(1.5) : real(-1.5);
  return x;
}

// W2 on a line: of the sorted samples.
double distance(const Tensor& a, const Tensor& b) {
  std::vector<real> x(a.values().begin(), a.values().end()),
      y(b.values().begin(), b.values().end());
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) squares += std::pow(double{x[i]} - double{y[i]}, 2);
  return std::sqrt(squares / double(x.size()));
}

// --- straightness, energy, reflow ---

TEST_CASE("straightness and energy of fields with a formula") {
  Rng rng(1);
  const Tensor noise = rng.normal({200, 2});
  const Field constant = [](const Var& y, const Var&) {
    return broadcast_to(Tensor({1, 2}, {3, -4}), y.shape());
  };
  CHECK(straightness(constant, noise) < 1e-9);
  CHECK(path_energy(constant, noise) == Approx(25).epsilon(1e-4));
  // v = 2t (3, -4): y_1 - y_0 is (3, -4), and the integral of |(1 - 2t) (3, -4)|^2 is 25 / 3.
  const Field faster = [](const Var& y, const Var& t) {
    return 2 * t * broadcast_to(Tensor({1, 2}, {3, -4}), y.shape());
  };
  CHECK(straightness(faster, noise, 100) == Approx(25. / 3).epsilon(1e-3));
  // The energy is the integral of 4 t^2 25 by Euler's sum: 100 (n - 1) (2n - 1) / (6 n^2).
  CHECK(path_energy(faster, noise, 10) == Approx(100 * 9 * 19 / 600.).epsilon(1e-4));
  CHECK(message_of<ShapeError>([&] {
          straightness(constant, zeros({0, 2}));
        }) == "straightness: noise (0, 2) given; (B, D), at least 1 point, is required");
  CHECK_THROWS_AS(path_energy(constant, ones({3})), ShapeError);
}

TEST_CASE(
    "the pairs of reflow are noise and where the model carries it, and its loss is on their "
    "lines") {
  Rng rng(2), same(3), first(3);
  const FlowMatching model(2, {.hidden = {8}, .classes = 2}, rng);
  const Labels labels{0, 1, 1};
  const Data pairs = reflow_pairs(model, labels, first, heun, 4);
  CHECK(pairs.points.shape() == Shape{3, 4});
  CHECK(pairs.labels == labels);
  const Tensor noise = same.normal({3, 2});
  CHECK(difference(kernel::slice(pairs.points, 1, 0, 2), noise) == "");
  CHECK(difference(kernel::slice(pairs.points, 1, 2, 4),
                   model.carry(noise, {0, 1}, labels, heun, 4)) == "");
  Rng again(4), copy(4);
  const Field field = [](const Var& y, const Var& t) { return y * t; };
  const Tensor t = copy.uniform({3, 1}), y_1 = kernel::slice(pairs.points, 1, 2, 4);
  const OnPath on = straight(noise, y_1, t);
  CHECK(close(pairs_loss(field, pairs, again).item(), mean(square(on.y_t * t - on.velocity)).item(),
              20));
  CHECK(message_of<ShapeError>([&] {
          pairs_loss(field, {ones({3, 3}), {}}, rng);
        }) == "pairs_loss: pairs (3, 3) given; (B, 2 D), at least 1, are required");
  const FlowMatching plain(1, {.hidden = {8}}, rng);
  CHECK(reflow_pairs(plain, 5, rng, euler, 2).points.shape() == Shape{5, 2});
  CHECK(message_of<ShapeError>([&] { reflow_pairs(plain, -1, rng); }) ==
        "reflow_pairs: -1 pairs given; 0 or more");
}

TEST_CASE("after a reflow paths are five times as straight, and lead to the same", "[slow]") {
  Rng rng(5);
  FlowMatching model(1, {.hidden = {32, 32}, .activation = activations::silu}, rng);
  train_by(model, 1500, 5e-3, [&] { return model.loss({two_heaps(256, rng), {}}, rng); });
  FlowMatching straighter = model;
  const Data pairs = reflow_pairs(model, 20'000, rng, runge_kutta4, 20);
  train_by(straighter, 1500, 5e-3, [&] {
    return pairs_loss(straighter.network.field(), pairs.rows(rng.integers(20'000, 256)), rng);
  });
  const Tensor noise = rng.normal({2000, 1});
  const double before = straightness(model.network.field(), noise);
  const double after = straightness(straighter.network.field(), noise);
  CHECK(after * 5 < before);
  const auto end = [&](const FlowMatching& of, Index steps) {
    return of.carry(noise, {0, 1}, {}, euler, steps);
  };
  CHECK(distance(end(straighter, 100), end(model, 100)) < 0.1);
  CHECK(distance(end(straighter, 1), end(model, 100)) < 0.25);
  CHECK(distance(end(model, 1), end(model, 100)) > 0.8);
}

// --- the bridge ---

TEST_CASE("between two points the bridge's place, velocity and score are those of the formulas") {
  Rng rng(6);
  const Bridge bridge{.sigma = real(0.7)};
  const Tensor y_0 = rng.normal({4, 2}), y_1 = rng.normal({4, 2}), e = rng.normal({4, 2});
  const Tensor t = rng.uniform({4, 1}, real(0.1), real(0.9));
  const OnBridge at = on_bridge(bridge, y_0, y_1, t, e);
  for (Index i = 0; i < 4; ++i)
    for (Index k = 0; k < 2; ++k) {
      const double time = t.at({i, 0}), a = y_0.at({i, k}), b = y_1.at({i, k});
      const double spread = 0.7 * std::sqrt(time * (1 - time)), m = (1 - time) * a + time * b;
      const double y = m + spread * e.at({i, k});
      CHECK(close(at.y_t.value().at({i, k}), y, 20, 4));
      CHECK(close(at.velocity.value().at({i, k}),
                  (1 - 2 * time) / (2 * time * (1 - time)) * (y - m) + b - a, 200, 10));
      CHECK(close(at.spread.value().at({i, 0}), spread, 20));
    }
}

TEST_CASE("fields that know the bridge have no loss, others that of their error") {
  Rng rng(7);
  const real sigma = real(0.7);
  const Bridge bridge{.sigma = sigma};
  const Tensor y_0({2000, 1}, real(-1)), y_1({2000, 1}, real(2));  // one pair of points alone
  const auto mean_at = [](const Var& t) { return 3 * t - 1; };
  const Field v = [&](const Var& y, const Var& t) {
    return (1 - 2 * t) / (2 * t * (1 - t)) * (y - mean_at(t)) + 3;
  };
  const Field s = [&](const Var& y, const Var& t) {  // sigma^2 / 2 times the score
    return -(y - mean_at(t)) / (2 * t * (1 - t));
  };
  const auto loss = [&](const Field& velocity, const Field& score) {
    Rng fixed(8);
    return double{bridge_loss(bridge, velocity, score, y_0, y_1, fixed).item()};
  };
  CHECK(loss(v, s) < (sizeof(real) == 8 ? 1e-20 : 1e-4));
  const Field wrong_v = [&](const Var& y, const Var& t) { return v(y, t) + real(0.5); };
  CHECK(loss(wrong_v, s) == Approx(0.25).epsilon(0.01));
  // s is wrong by c: lambda c with lambda^2 = 4 t (1-t) / sigma^2, 2 / 3 / sigma^2 in the mean.
  const Field wrong_s = [&](const Var& y, const Var& t) { return s(y, t) + real(0.5); };
  CHECK(loss(v, wrong_s) == Approx(0.25 * 2 / 3 / 0.49).epsilon(0.05));
  const auto message = [&](const Bridge& wrong) {
    return message_of<ShapeError>([&] { bridge_loss(wrong, v, s, y_0, y_1, rng); });
  };
  CHECK(message({.sigma = 0}) ==
        "bridge_loss: sigma 0 and edge 0.001 given; sigma > 0, 0 < edge < 1/2");
  CHECK(message({.edge = 0}) != "");
  CHECK_THROWS_AS(bridge_loss(bridge, v, s, y_0, ones({3, 1}), rng), ShapeError);
  CHECK_THROWS_AS(bridge_loss(bridge, v, s, zeros({0, 1}), zeros({0, 1}), rng), ShapeError);
}

// From N(-.1, I) to N(.1, I) with sigma = 1 the bridge is Gaussian at all times: the mean .2t - .1,
// the variance t (1-t) sqrt(4 + sigma^4) + (1-t)^2 + t^2 of each coordinate.
double bridge_variance(double t) { return t * (1 - t) * std::sqrt(5) + (1 - t) * (1 - t) + t * t; }

TEST_CASE("diffusing along the Gaussian bridge, forth and back, its marginals come out") {
  constexpr Index kPoints = 10'000, kDim = 5, kSteps = 20;
  const Field v = [](const Var& y, const Var& t) {
    const double time = t.value().data()[0], slope = (1 - 2 * time) * (std::sqrt(5) - 2);
    return real(0.2) + real(slope / 2 / bridge_variance(time)) * (y - real(0.2 * time - 0.1));
  };
  const Field s = [](const Var& y, const Var& t) {
    const double time = t.value().data()[0];
    return real(-0.5 / bridge_variance(time)) * (y - real(0.2 * time - 0.1));
  };
  Rng rng(9);
  // KL of the Gaussian fitted to each coordinate (they are independent), summed over them.
  const auto kl = [&](const Tensor& points, double t) {
    double total = 0;
    for (Index k = 0; k < kDim; ++k) {
      const Var x = kernel::slice(points, 1, k, k + 1);
      const double m = mean(x).item(), variance = mean(square(x - real(m))).item();
      const double ratio = variance / bridge_variance(t);
      total +=
          (ratio - 1 - std::log(ratio) + std::pow(m - (0.2 * t - 0.1), 2) / bridge_variance(t)) / 2;
    }
    return total;
  };
  for (const bool back : {false, true}) {
    const Tensor start = (rng.normal({kPoints, kDim}) + Var(real(back ? 0.1 : -0.1))).value();
    const Span span = back ? Span{1, 0} : Span{0, 1};
    const std::vector<Tensor> states = diffused({}, v, s, start, span, kSteps, rng);
    REQUIRE(states.size() == kSteps + 1);
    CHECK(difference(states[0], start) == "");
    double average = 0;
    for (std::size_t i = 0; i <= kSteps; ++i) {
      const double part = double(i) / kSteps;
      average += kl(states[i], back ? 1 - part : part) / (kSteps + 1);
    }
    CHECK(average < 0.006);
    CHECK(kl(states.back(), back ? 0 : 1) < 0.007);
  }
  // It does shake: a point does not come to where its velocity alone leads.
  const Tensor start = rng.normal({kPoints, 1});
  const Tensor shaken = diffused({}, v, s, start, {0, 1}, kSteps, rng).back();
  const Tensor calm = integrate(v, start, {0, 1}, heun, kSteps).value();
  CHECK(mean(square(Var(shaken) - calm)).item() > 0.3);
  CHECK_THROWS_AS(diffused({}, v, s, start, {0, 1}, 0, rng), ShapeError);
  CHECK_THROWS_AS(diffused({}, v, s, ones({3}), {0, 1}, 5, rng), ShapeError);
}

// --- MeanFlow ---

TEST_CASE("the derivative along the path is that of the network, by differences") {
  Rng rng(10);
  MeanFlow model(2, {.hidden = {8, 8}}, rng);
  randomize(parameters(model), real(0.5), 11);
  const Tensor y = rng.normal({4, 2}), s = rng.uniform({4, 1}, 0, real(0.5)),
               t = rng.uniform({4, 1}, real(0.5), 1), v = rng.normal({4, 2});
  const auto [u, change] = model.along_path(y, s, t, v);
  CHECK(difference(u, reference(model.mean_velocity(y, s, t).value()), 40, 1) == "");
  const real h = sizeof(real) == 8 ? real(1e-5) : real(1e-2);
  const auto moved = [&](real by) { return model.mean_velocity(y + by * Var(v), s + Var(by), t); };
  const Tensor expected = ((moved(h) - moved(-h)) / (2 * h)).value();
  CHECK(largest_difference(change, expected) < (sizeof(real) == 8 ? 1e-7 : 1e-2));
}

TEST_CASE(
    "the loss of MeanFlow is each point's error over itself, with a gradient of that weight") {
  Rng rng(12);
  MeanFlow model(2, {.hidden = {6}}, rng);
  const Data batch{rng.normal({7, 2}), {}};
  Weights weights(parameters(model));
  Rng first(13);
  Tape tape(weights);
  const Var loss = model.loss(batch, first);
  CHECK(loss.item() < 1);
  CHECK(loss.item() > 0.9);  // errors are of size 1, and 0.001 is added to each
  CHECK(global_norm(tape.backward(loss).flat()) > 1e-3);
  CHECK(message_of<ShapeError>([&] {
          model.loss({zeros({0, 2}), {}}, rng);
        }) == "MeanFlow::loss: no points given; at least 1");
  CHECK_THROWS_AS(model.loss({ones({2, 3}), {}}, rng), ShapeError);
  CHECK_THROWS_AS(model.mean_velocity(ones({2, 2}), ones({2, 1}), ones({2})), ShapeError);
  CHECK_THROWS_AS(model.carry(ones({2, 2}), 0), ShapeError);
  CHECK(message_of<ShapeError>([&] { model.sample(-1, first); }) ==
        "MeanFlow::sample: -1 samples given; 0 or more");
  CHECK(message_of<ShapeError>([&] { MeanFlow(2, {.spans = 2}, rng); }) ==
        "MeanFlow: a share of 2 given; from 0 to 1");
  CHECK_THROWS_AS(MeanFlow(0, {}, rng), ShapeError);
}

TEST_CASE("steps of MeanFlow are as long as the time between them") {
  Rng rng(14);
  MeanFlow model(1, {.hidden = {}}, rng);  // u = 2 y + 3 s + 5 t
  model.network.layers[0].W = Tensor({{2, 3, 5}});
  model.network.layers[0].b = Tensor(Shape{1}, {0});
  CHECK(close(model.carry(Tensor({{1}})).item(), 1 + 2 + 5, 8));
  const double half = 1 + 0.5 * (2 + 2.5);
  CHECK(close(model.carry(Tensor({{1}}), 2).item(), half + 0.5 * (2 * half + 1.5 + 5), 8));
  CHECK(model.sample(7, rng).shape() == Shape{7, 1});
}

TEST_CASE("MeanFlow's one step finds both heaps", "[slow]") {
  Rng rng(15);
  MeanFlow model(1, {.hidden = {64, 64}, .spans = real(0.5)}, rng);
  train_by(model, 3000, 3e-3, [&] { return model.loss({two_heaps(256, rng), {}}, rng); });
  const Tensor data = two_heaps(4000, rng), noise = rng.normal({4000, 1});
  CHECK(distance(noise, data) > 0.5);
  CHECK(distance(model.carry(noise), data) < 0.35);
}

}  // namespace
}  // namespace gradflow
