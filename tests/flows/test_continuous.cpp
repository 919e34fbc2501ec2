// The density of what a field carries: tangents, divergences, and the continuous flow made of them;
// held against fields whose densities have a formula.

#include "flows/continuous.h"

#include <cmath>
#include <numbers>

#include "flows/chain.h"
#include "flows/flow.h"
#include "flows/matching/divergence.h"
#include "flows/matching/flow_matching.h"
#include "flows/matching/tangents.h"
#include "nn/optimizer.h"
#include "nn/residual_network.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

constexpr Activation kAll[] = {activations::leaky_relu, activations::relu, activations::tanh,
                               activations::silu, activations::softplus};

// --- tangents ---

TEST_CASE("tangents are the Jacobian times a direction, as the tape knows it") {
  for (const Activation& activation : kAll)
    for (const std::vector<Index>& sizes :
         {std::vector<Index>{3, 2}, {1, 4, 1}, {4, 8, 8, 3}, {2, 5, 5, 5, 6}}) {
      CAPTURE(activation.name, sizes);
      Rng rng(1);
      const Mlp network(sizes, rng, activation);
      const Tensor x = rng.normal({7, sizes.front()});
      const std::vector<Var> directions{rng.normal(x.shape()), rng.normal(x.shape())};
      const WithTangents forward = pushed_forward(network, x, directions);
      CHECK(difference(forward.value, reference(network(x).value()), 20, 1) == "");
      REQUIRE(forward.tangents.size() == 2);
      for (Index i = 0; i < sizes.back(); ++i) {
        Tape tape;
        const Var at = tape.variable(x);
        const Tensor one_hot = kernel::pad(ones({7, 1}), 1, i, sizes.back());
        const Var row = tape.backward(network(at), one_hot)[at].value();
        for (std::size_t k = 0; k < 2; ++k) {
          const Tensor expected = sum(row * directions[k].value(), 1, KeepAxis::yes).value();
          const Var ours = slice(forward.tangents[k].value(), 1, i, i + 1);
          CHECK(difference(ours, reference(expected), 40, 1) == "");
        }
      }
    }
}

TEST_CASE("tangents can be differentiated, by the point, the direction and the weights, twice") {
  for (const Activation& activation :
       {activations::tanh, activations::silu, activations::softplus}) {
    CAPTURE(activation.name);
    Rng rng(2);
    Mlp network({2, 4, 3, 2}, rng, activation);
    Weights weights(parameters(network));
    const Function f = [&](const std::vector<Var>& in) {
      const WithTangents forward = pushed_forward(network, in[0], {in[1]});
      return concat({forward.value, forward.tangents[0]}, 1);
    };
    const std::vector<Tensor> inputs{rng.normal({3, 2}), rng.normal({3, 2})};
    const GradcheckResult first = gradcheck(f, inputs, weights);
    INFO(first.report);
    CHECK(first.passed);
    const GradcheckResult second = gradgradcheck(f, inputs, weights);
    INFO(second.report);
    CHECK(second.passed);
  }
}

TEST_CASE("an activation that is constant, or made of others, has a derivative too") {
  Rng rng(3);
  const Activation one{"one", [](const Var& x) { return Var(ones(x.shape())); }};
  const Activation bump{"bump", [](const Var& x) { return exp(-square(x)) * sin(x); }};
  const Tensor x = rng.normal({4, 2}), direction = rng.normal({4, 2});
  const Mlp constant({2, 3, 2}, rng, one);
  CHECK(largest(pushed_forward(constant, x, {direction}).tangents[0].value()) == 0);
  Mlp curved({2, 3, 2}, rng, bump);
  Weights weights(parameters(curved));
  const Function f = [&](const std::vector<Var>& in) {
    return pushed_forward(curved, in[0], {direction}).tangents[0];
  };
  CHECK(gradcheck(f, {x}, weights).passed);
}

// --- divergence ---

VelocityNetwork random_network(Index dim, Index context, Rng& rng) {
  VelocityNetwork network(
      dim, {.hidden = {8, 8}, .activation = activations::silu, .context = context}, rng);
  randomize(parameters(network), real(0.5), 4);
  return network;
}

TEST_CASE("a divergence is that of points (B, D)") {
  const Field doubled = [](const Var& y, const Var&) { return 2 * y; };
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 2, 3}}) {
    const std::string expected = fmt::format("divergence: y {} given; (B, D) is required", shape);
    CHECK(message_of<ShapeError>([&] {
            divergence(doubled, ones(shape), ones({2, 1}));
          }) == expected);
    CHECK(message_of<ShapeError>([&] {
            divergence_along(doubled, ones(shape), ones({2, 1}), ones(shape));
          }) == expected);
    CHECK_THROWS_AS(standard_normal_log_prob(ones(shape)), ShapeError);
  }
  Rng rng(1);
  const Mlp blocks = residual_network({2, 4, 2}, 1, rng);
  CHECK(contains(message_of<ShapeError>([&] {
                   pushed_forward(blocks, ones({3, 2}), {});
                 }),
                 "1 residual blocks given"));
}

TEST_CASE("the divergence of a network by tangents is that by the tape, in any dimension") {
  for (Index dim = 1; dim <= 9; ++dim)
    for (const Index context : {0, 2}) {
      CAPTURE(dim, context);
      Rng rng(5);
      const VelocityNetwork network = random_network(dim, context, rng);
      const Tensor y = rng.normal({6, dim}), t = rng.uniform({6, 1}), e = rng.normal({6, dim});
      const Var known = context > 0 ? Var(rng.normal({6, context})) : no_context;
      const Field field = network.field(known);
      const Flowing exact = with_divergence(network, y, t, known);
      CHECK(difference(exact.velocity, reference(field(y, t).value()), 40, 1) == "");
      CHECK(exact.divergence.shape() == Shape{6, 1});
      CHECK(difference(exact.divergence, reference(divergence(field, y, t).reshaped({6, 1})), 40,
                       double(dim)) == "");
      const Flowing along = with_divergence(network, y, t, known, e);
      CHECK(difference(along.divergence,
                       reference(divergence_along(field, y, t, e).reshaped({6, 1})), 40,
                       4 * double(dim)) == "");
    }
}

TEST_CASE("the divergence of fields with a formula") {
  Rng rng(6);
  const Tensor y = rng.normal({20, 2}), t = rng.uniform({20, 1});
  const auto column = [&](Index i) { return kernel::slice(y, 1, i, i + 1); };
  const Field linear_field = [](const Var& at, const Var&) {
    return matmul(at, Tensor({{2, 7}, {-3, 0.5}}));
  };
  CHECK(difference(divergence(linear_field, y, t), reference(Tensor({20}, real(2.5))), 8) == "");
  const Field turning = [](const Var& at, const Var&) {
    return gather(at, {1, 0}, 1) * Tensor({2}, {-1, 1});
  };
  CHECK(largest(divergence(turning, y, t)) == 0);
  const Field curved = [](const Var& at, const Var& time) { return time * square(at); };
  const Var expected = 2 * Var(t) * (Var(column(0)) + column(1));
  CHECK(difference(divergence(curved, y, t).reshaped({20, 1}), reference(expected.value()), 8, 4) ==
        "");
  const Field still = [](const Var& at, const Var&) { return Var(ones(at.shape())); };
  CHECK(difference(divergence(still, y, t), zeros({20})) == "");
  CHECK(difference(divergence_along(still, y, t, y), zeros({20})) == "");
}

TEST_CASE("the estimate's mean is the divergence, with the variance that its formula says") {
  // Of one linear field, J: probes of N(0, 1) have the variance |J + J^T|^2 / 2.
  const Tensor J({{1, 2, 0}, {-1, 0.5, 3}, {0.25, 1, -2}});
  constexpr Index kProbes = 20'000;
  const Field field = [&](const Var& y, const Var&) { return matmul(y, J, Trans::no, Trans::yes); };
  Rng rng(7);
  const Tensor estimates =
      divergence_along(field, zeros({kProbes, 3}), zeros({kProbes, 1}), rng.normal({kProbes, 3}));
  double variance = 0;
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 3; ++j)
      variance += std::pow(double{J.at({i, j})} + double{J.at({j, i})}, 2) / 2;
  const double n = double(kProbes), average = mean(estimates).item();
  CHECK(std::abs(average - (1 + 0.5 - 2)) < 4 * std::sqrt(variance / n));
  const double spread = mean(square(estimates - Var(real(average)))).item();
  CHECK(spread == Approx(variance).epsilon(0.1));
}

TEST_CASE("a divergence by the tape is a number: nothing is lost without a word") {
  Rng rng(8);
  VelocityNetwork network = random_network(2, 0, rng);
  const Weights weights(parameters(network));
  Tape tape(weights);
  const Var y = tape.variable(ones({3, 2})), t = tape.variable(ones({3, 1}));
  const Tensor plain = ones({3, 2}), time = ones({3, 1});
  CHECK(message_of<GraphError>([&] { divergence(network.field(), y, time); }) ==
        "divergence: y or t on a tape given; it is a number; hint: with_divergence() of a network "
        "has a gradient");
  CHECK_THROWS_AS(divergence(network.field(), plain, t), GraphError);
  CHECK_THROWS_AS(divergence_along(network.field(), y, time, plain), GraphError);
  const std::size_t before = tape.size();
  divergence(network.field(), plain, time);  // on a tape of its own, which ends here
  CHECK(tape.size() == before);
  CHECK(with_divergence(network, plain, time, no_context).divergence.tracked());
}

// --- the continuous flow ---

// A field v = A y + b: a network without hidden layers.
VelocityNetwork linear_network(const Tensor& A, const Tensor& b) {
  Rng rng(1);
  VelocityNetwork network(A.rows(), {.hidden = {}}, rng);
  network.network.layers[0].W = kernel::pad(A, 1, 0, A.rows() + 1);
  network.network.layers[0].b = b;
  return network;
}

TEST_CASE("of dy/dt = k y the flow is a scale of e^k, and its density a Gaussian's") {
  for (const Index dim : {1, 2, 3})
    for (const double k : {-0.7, 0.4}) {
      CAPTURE(dim, k);
      Tensor A = zeros({dim, dim});
      for (Index i = 0; i < dim; ++i) A.mutable_data()[i * dim + i] = real(k);
      const Flow flow(Continuous(linear_network(A, zeros({dim}))));
      Rng rng(2);
      const Tensor x = rng.normal({5, dim});
      const auto log_prob = flow.log_prob(x).value();
      const Mapped data = flow.bijection->to_data(x);
      // The solver's error is (k / 50)^4 k / 120 of the size.
      for (Index i = 0; i < 5; ++i) {
        double squares = 0;
        for (Index j = 0; j < dim; ++j) squares += std::pow(x.at({i, j}) * std::exp(-k), 2);
        const double expected =
            -squares / 2 - double(dim) * (std::log(2 * std::numbers::pi) / 2 + k);
        CHECK(close(log_prob.at({i}), expected, 100 + 1e-8 / kEps, 4));
        CHECK(close(data.log_det.value().at({i}), k * double(dim), 100));
        CHECK(close(data.points.value().at({i, 0}), x.at({i, 0}) * std::exp(k), 100 + 1e-8 / kEps));
      }
    }
}

// Data from a mixture of Gaussians of one deviation s, noise N(0, I), straight paths: the best
// field, its divergence and the density at every time have formulas. With s_t^2 = (1-t)^2 + t^2 s^2
// and c = (t s^2 - (1 - t)) / s_t^2, and each y's shares r_k of the centres m_k at time t,
//   v = m + c (y - t m),  m = sum of r_k m_k      div v = D c + (1 - c t) t / s_t^2 sum of r_k |m_k
//   - m|^2
constexpr double kS = 0.5;
constexpr double kCentres[3][2] = {{1.5, 0}, {-1, 1}, {0, -1.2}};

struct Exact {
  double v[2] = {0, 0}, divergence = 0, log_p = 0;
};

Exact exact_at(double y_0, double y_1, double t) {
  const double variance = (1 - t) * (1 - t) + t * t * kS * kS;
  const double c = (t * kS * kS - (1 - t)) / variance;
  double shares[3], total = 0, m[2] = {0, 0}, spread = 0;
  for (int k = 0; k < 3; ++k) {
    const double a = y_0 - t * kCentres[k][0], b = y_1 - t * kCentres[k][1];
    shares[k] = std::exp(-(a * a + b * b) / (2 * variance));
    total += shares[k];
  }
  for (int k = 0; k < 3; ++k)
    for (int i = 0; i < 2; ++i) m[i] += shares[k] / total * kCentres[k][i];
  for (int k = 0; k < 3; ++k)
    for (int i = 0; i < 2; ++i) spread += shares[k] / total * std::pow(kCentres[k][i] - m[i], 2);
  Exact at;
  at.v[0] = m[0] + c * (y_0 - t * m[0]);
  at.v[1] = m[1] + c * (y_1 - t * m[1]);
  at.divergence = 2 * c + (1 - c * t) * t / variance * spread;
  at.log_p = std::log(total / 3 / (2 * std::numbers::pi * variance));
  return at;
}

// The same field of Vars, so that the tape can differentiate it.
const Field kMixture = [](const Var& y, const Var& t) {
  const Var variance = square(1 - t) + square(real(kS) * t);
  const Var c = (real(kS * kS) * t - (1 - t)) / variance;
  std::vector<Var> logits, centres;
  for (const auto& centre : kCentres) {
    const Var m = Tensor({1, 2}, {real(centre[0]), real(centre[1])});
    logits.push_back(sum(square(y - t * m), 1, KeepAxis::yes) / (-2 * variance));
    centres.push_back(m);
  }
  const Var all = concat(logits, 1);
  const Var shares = exp(all - logsumexp(all, 1, KeepAxis::yes));
  const Var m = matmul(shares, concat(centres, 0));
  return m + c * (y - t * m);
};

TEST_CASE("the divergence of the mixture's field is its formula's") {
  Rng rng(9);
  const Tensor y = rng.normal({50, 2}), t = rng.uniform({50, 1});
  const Tensor v = kMixture(y, t).value(), div = divergence(kMixture, y, t);
  for (Index i = 0; i < 50; ++i) {
    const Exact exact = exact_at(y.at({i, 0}), y.at({i, 1}), t.at({i, 0}));
    CHECK(close(v.at({i, 0}), exact.v[0], 100, 10));
    CHECK(close(v.at({i, 1}), exact.v[1], 100, 10));
    CHECK(close(div.at({i}), exact.divergence, 200, 20));
  }
}

TEST_CASE("the density carried by the mixture's field is the data's") {
  // As Continuous does it: the divergence is gathered on the way from the data to the noise.
  const Field both = [](const Var& state, const Var& t) {
    const Var y = slice(state, 1, 0, 2);
    return concat({kMixture(y, t), divergence(kMixture, y, t).reshaped({y.rows(), 1})}, 1);
  };
  Rng rng(10);
  const Tensor x = rng.normal({50, 2});
  const Var end = integrate(both, concat({x, zeros({50, 1})}, 1), {1, 0}, runge_kutta4, {50});
  const Var log_prob =
      standard_normal_log_prob(slice(end, 1, 0, 2)) + reshape(slice(end, 1, 2, 3), Shape{50});
  for (Index i = 0; i < 50; ++i)
    CHECK(log_prob.value().at({i}) ==
          Approx(exact_at(x.at({i, 0}), x.at({i, 1}), 1).log_p).margin(2e-5));
}

TEST_CASE("a model of flow matching is a flow: its density integrates to 1, by class too",
          "[slow]") {
  Rng rng(11);
  FlowMatching model(
      2, {.hidden = {16, 16}, .classes = 2, .class_dim = 3, .activation = activations::tanh}, rng);
  randomize(parameters(model), real(0.5), 11);
  const Flow flow(Continuous(model.network, {.steps = {20}}));
  constexpr Index kCells = 120;
  constexpr double kSide = 16, kCell = kSide / double(kCells);
  for (const Index label : {0, 1}) {
    double total = 0;
    for (Index i = 0; i < kCells; ++i) {
      Tensor row({kCells, 2});
      for (Index k = 0; k < kCells; ++k) {
        row.mutable_data()[2 * k] = real((double(k) + 0.5) * kCell - kSide / 2);
        row.mutable_data()[2 * k + 1] = real((double(i) + 0.5) * kCell - kSide / 2);
      }
      const Var known = model.context(kCells, Labels(std::size_t(kCells), label));
      total += sum(exp(flow.log_prob(row, known))).item();
    }
    CHECK(total * kCell * kCell == Approx(1).margin(1e-3));
  }
  // Its samples are the model's.
  const Labels labels{0, 1, 1};
  Rng first(12), same(12);
  const Tensor samples = flow.sample(3, first, model.context(3, labels));
  const Tensor noise = same.normal({3, 2});
  CHECK(difference(samples, reference(model.carry(noise, {0, 1}, labels, runge_kutta4, {20})), 100,
                   4) == "");
}

TEST_CASE("a continuous flow costs a divergence only where log_det is wanted") {
  Rng rng(13);
  VelocityNetwork network = random_network(2, 0, rng);
  Continuous flow(network, {.tableau = heun, .steps = {10}});
  CHECK(flow.passes().to_latent == 20);
  CHECK(flow.passes().to_data == 20);
  const Weights weights(parameters(flow));
  const auto nodes = [&](LogDet log_det) {
    Tape tape(weights);
    flow.to_data(ones({3, 2}), no_context, log_det);
    return tape.size();
  };
  CHECK(nodes(LogDet::no) * 2 < nodes(LogDet::yes));
}

TEST_CASE("Hutchinson's estimate along a probe is right in the mean over probes") {
  Rng rng(14);
  const VelocityNetwork network = random_network(3, 0, rng);
  const Tensor x = rng.normal({4, 3});
  const Tensor exact = Continuous(network, {.steps = {10}}).to_latent(x).log_det.value();
  // All 8 probes of +-1 together: the terms beside the diagonal cancel exactly in the divergence.
  Var total = zeros({4});
  for (int k = 0; k < 8; ++k) {
    const Tensor e(Shape{3}, {k & 1 ? real(1) : real(-1), k & 2 ? real(1) : real(-1),
                              k & 4 ? real(1) : real(-1)});
    const Mapped along = Continuous(network, {.steps = {10}, .probe = e}).to_latent(x);
    CHECK(difference(along.log_det.value(), exact) != "");
    total = total + along.log_det;
  }
  CHECK(difference(total / 8, reference(exact), 200, 4) == "");
  CHECK(message_of<ShapeError>([&] { Continuous(network, {.probe = ones({2})}); }) ==
        "Continuous: a probe (2) given; (3) is required");
}

TEST_CASE("a continuous flow learns by likelihood") {
  // Data N(2, 0.5^2) on a line; the entropy is the floor.
  Rng rng(15);
  const Tensor data = (2 + real(0.5) * rng.normal({256, 1})).value();
  Flow flow(Chain{Continuous(
      VelocityNetwork(1, {.hidden = {8}, .activation = activations::tanh}, rng), {.steps = {4}})});
  Weights weights(parameters(flow));
  Adam adam(weights, {.learning_rate = 0.03});
  double loss = 0;
  for (int step = 0; step < 200; ++step) {
    Tape tape(weights);
    const Var nll = -mean(flow.log_prob(data));
    loss = nll.item();
    adam.step(tape.backward(nll));
  }
  const double floor = 0.5 * std::log(2 * std::numbers::pi * std::numbers::e * 0.25);
  CHECK(loss < floor + 0.1);
}

}  // namespace
}  // namespace gradflow
