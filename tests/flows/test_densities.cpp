// What is known of a model of flow matching: its density with the solver's error, Euler's own
// density, the ends and the score that a velocity stands for; and fields made of others: another
// schedule, guidance.

#include <algorithm>
#include <cmath>
#include <utility>

#include "flows/matching/density.h"
#include "flows/matching/divergence.h"
#include "flows/matching/guidance.h"
#include "flows/matching/interpolant.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/mixture.h"
#include "tests/model.h"

namespace gradflow {
namespace {

FlowMatching smooth_model(Index dim, Index classes, Index waves = 0) {
  Rng rng(1);
  FlowMatching model(dim,
                     {.hidden = {12, 12},
                      .classes = classes,
                      .class_dim = 3,
                      .activation = activations::silu,
                      .waves = waves},
                     rng);
  randomize(parameters(model), real(0.4), 2);
  return model;
}

// --- the density of a model ---

TEST_CASE("log p of a model is its flow's, whatever the number of points, threads and labels") {
  Rng rng(3);
  for (const Index dim : {1, 2, 5})
    for (const Index classes : {0, 3}) {
      const FlowMatching model = smooth_model(dim, classes);
      const Tensor x = rng.normal({300, dim});
      const Labels labels = classes ? rng.integers(3, 300) : Labels{};
      const ContinuousOptions solver{.steps = 6};
      const Tensor all = log_prob(model, x, labels, solver);
      const Flow flow(Continuous(model.network, solver));
      const Var plainly = flow.log_prob(x, model.context(300, labels));
      CHECK(difference(all, reference(plainly.value()), 200, 10) == "");
      for (const int count : {1, 3}) {
        const WithThreads of(count);
        CHECK(difference(log_prob(model, x, labels, solver), all) == "");
      }
    }
  FlowMatching model = smooth_model(2, 2);
  const Weights weights(parameters(model));
  Tape tape(weights);
  CHECK(log_prob(model, zeros({0, 2}), {}).shape() == Shape{0});
  log_prob(model, ones({3, 2}), {0, 1, 1}, {.steps = 2});
  CHECK(tape.size() == 0);
  CHECK_THROWS_AS(log_prob(model, ones({3, 2}), {0, 1}), ShapeError);
  CHECK_THROWS_AS(log_prob(model, ones({3, 1}), {0, 1, 1}), ShapeError);
}

TEST_CASE("the error that is shown is the solver's, and falls with its order", "[slow]") {
  const FlowMatching model = smooth_model(2, 0, 3);
  Rng rng(4);
  const Tensor x = rng.normal({100, 2});
  const auto shown = [&](const Tableau& tableau, const Steps& steps) {
    const Scored scored = log_prob_with_error(model, x, {}, {.tableau = tableau, .steps = steps});
    const Tensor exact = log_prob(model, x, {}, {.steps = 200});
    if (kDouble) CHECK(largest_difference(scored.log_prob, exact) < largest(scored.error));
    return largest(scored.error);
  };
  CHECK(std::log2(shown(heun, 20) / shown(heun, 40)) == Approx(2).margin(0.3));
  if (kDouble) CHECK(std::log2(shown(runge_kutta4, 10) / shown(runge_kutta4, 20)) > 3.5);
  CHECK(shown(dormand_prince, Adaptive{.relative = 1e-3, .absolute = 1e-3}) < 2e-2);
  CHECK(shown(dormand_prince, Adaptive{.relative = 1e-5, .absolute = 1e-5}) < 5e-4);
}

#ifdef GRADFLOW_DOUBLE  // float's roundings hide the higher orders
TEST_CASE("through kinks a solver of fourth order becomes one of first order", "[slow]") {
  const auto order = [](const Activation& activation) {
    Rng rng(5);
    FlowMatching model(2, {.hidden = {64, 64, 64}, .activation = activation}, rng);
    randomize(parameters(model), real(0.2), 6);
    const Tensor x = rng.normal({300, 2});
    const Tensor exact = log_prob(model, x, {}, {.steps = 640});
    const auto error = [&](Index steps) {
      const Tensor found = log_prob(model, x, {}, {.steps = steps});
      return mean(abs(Var(found) - exact)).item();
    };
    return std::log2(error(20) / error(40));
  };
  CHECK(order(activations::leaky_relu) < 1.6);
  CHECK(order(activations::silu) > 3.5);
}
#endif

TEST_CASE("a network that is told place and time in waves knows them") {
  Rng rng(7);
  const VelocityNetwork network(
      2, {.hidden = {8}, .activation = activations::tanh, .context = 2, .waves = 3, .octaves = 4},
      rng);
  CHECK(network.network.in() == 2 + 16 + 6 + 2);
  const Tensor y = rng.normal({5, 2}), t = rng.uniform({5, 1});
  const Tensor known = rng.normal({5, 2}), input = network.input(y, t, known).value();
  for (Index i = 0; i < 5; ++i) {
    for (Index d = 0; d < 2; ++d) {
      CHECK(input.at({i, d}) == y.at({i, d}));
      CHECK(input.at({i, 24 + d}) == known.at({i, d}));
      for (Index k = 0; k < 4; ++k) {
        const double angle = std::pow(2, k) * y.at({i, d});
        CHECK(close(input.at({i, 2 + 4 * d + k}), std::cos(angle), 20, 1));
        CHECK(close(input.at({i, 10 + 4 * d + k}), std::sin(angle), 20, 1));
      }
    }
    for (Index k = 1; k <= 3; ++k) {
      const double angle = double(k) * std::numbers::pi * t.at({i, 0});
      CHECK(close(input.at({i, 17 + k}), std::cos(angle), 20, 1));
      CHECK(close(input.at({i, 20 + k}), std::sin(angle), 20, 1));
    }
  }
  CHECK(message_of<ShapeError>([&] { VelocityNetwork(2, {.waves = -1}, rng); }) ==
        "VelocityNetwork: -1 waves given; at least 0");
  CHECK(message_of<ShapeError>([&] { VelocityNetwork(2, {.octaves = -1}, rng); }) ==
        "VelocityNetwork: -1 octaves given; at least 0");
}

TEST_CASE("through waves the divergence is right, and its gradient") {
  Rng rng(8);
  VelocityNetwork network(
      2, {.hidden = {8}, .activation = activations::tanh, .context = 2, .waves = 3, .octaves = 2},
      rng);
  randomize(parameters(network), real(0.5), 9);
  const Tensor y = rng.normal({5, 2}), t = rng.uniform({5, 1}), known = rng.normal({5, 2});
  const Tensor probe = rng.normal({5, 2});
  const Field field = network.field(known);
  const auto check = [&](const Flowing& at, const Tensor& by_tape) {
    CHECK(difference(at.velocity, reference(field(y, t).value()), 100, 4) == "");
    CHECK(difference(at.divergence, reference(by_tape.reshaped({5, 1})), 100, 4) == "");
  };
  check(with_divergence(network, y, t, known), divergence(field, y, t));
  check(with_divergence(network, y, t, known, probe), divergence_along(field, y, t, probe));
  const GradcheckResult result = gradcheck(
      [&](const std::vector<Var>& in) {
        return with_divergence(network, in[0], in[1], known).divergence;
      },
      {y, t});
  CHECK(result.passed);
}

// --- the density of Euler's method ---

// KL(what Euler's method makes || the data), by the midpoint rule over the noise.
double kl_of_euler(const Mixture& mixture, Index steps) {
  const Tensor noise = grid(6, 240);
  const EulerCarried carried = euler_carried(mixture.field(), noise, steps);
  const Tensor exact = mixture.log_prob(carried.points);
  double kl = 0;
  for (Index b = 0; b < noise.rows(); ++b) {
    const double z_0 = noise.data()[2 * b], z_1 = noise.data()[2 * b + 1];
    const double density = std::exp(-(z_0 * z_0 + z_1 * z_1) / 2) / (2 * std::numbers::pi);
    kl += 0.05 * 0.05 * density * (double{carried.log_prob.data()[b]} - double{exact.data()[b]});
  }
  return kl;
}

TEST_CASE("what a step size costs: Euler's own density on the oracle, in nats", "[slow]") {
  const Mixture mixture = eight_gaussians();
  CHECK(kl_of_euler(mixture, 5) == Approx(0.349).margin(0.001));
  CHECK(kl_of_euler(mixture, 10) == Approx(0.0914).margin(0.0005));
  CHECK(kl_of_euler(mixture, 20) == Approx(0.0237).margin(0.0003));
  CHECK(kl_of_euler(mixture, 50) == Approx(0.0039).margin(0.0001));
}

TEST_CASE("Euler's density, there and back: the same number, and a mass of 1 at any step size",
          "[slow]") {
  const Mixture mixture = eight_gaussians();
  Rng rng(8);
  const Tensor noise = rng.normal({500, 2});
  for (const Index steps : {10, 20, 50}) {
    CAPTURE(steps);
    const EulerCarried there = euler_carried(mixture.field(), noise, steps);
    CHECK(largest_difference(there.points,
                             integrate(mixture.field(), noise, {0, 1}, euler, steps).value()) <
          100 * kEps);
    const Tensor back = euler_log_prob(mixture.field(), there.points, steps);
    CHECK(largest_difference(back, there.log_prob) < (kDouble ? 1e-8 : 0.05));
  }
  const Tensor cells = grid(real(4.6), 184);
  const double mass = sum(exp(euler_log_prob(mixture.field(), cells, 20))).item() * 0.05 * 0.05;
  CHECK(mass == Approx(1).margin(1e-3));
}

TEST_CASE("Euler's density of a linear field is a Gaussian's, on a line and in the plane") {
  Rng rng(9);
  // y' = k y: one step multiplies by 1 + k h.
  const Field grow = [](const Var& y, const Var&) { return real(0.6) * y; };
  const double factor = std::pow(1 + 0.6 / 4, 4);
  const Tensor x = rng.normal({20, 1});
  const Tensor found = euler_log_prob(grow, x, 4);
  for (Index i = 0; i < 20; ++i) {
    const double z = x.data()[i] / factor;
    CHECK(close(found.data()[i], -z * z / 2 - std::log(2 * std::numbers::pi) / 2 - std::log(factor),
                100, 10));
  }
  // A turn at a speed of k: the step's determinant is 1 + (h k)^2. At the second speed a point and
  // where it has come from are far apart, and no inverse but the right one leads back.
  const Tensor y = rng.normal({20, 2});
  for (const auto& [k, steps] : {std::pair{1, 3}, std::pair{6, 2}}) {
    CAPTURE(k, steps);
    const Field turn = [speed = real(k)](const Var& at, const Var&) {
      return gather(at, {1, 0}, 1) * Tensor({2}, {-speed, speed});
    };
    const Tensor turned = euler_log_prob(turn, y, steps);
    const double det = std::pow(1 + std::pow(double(k) / steps, 2), steps);
    for (Index i = 0; i < 20; ++i) {
      const double squares =
          (std::pow(y.data()[2 * i], 2) + std::pow(y.data()[2 * i + 1], 2)) / det;
      CHECK(close(turned.data()[i], -squares / 2 - std::log(2 * std::numbers::pi) - std::log(det),
                  200, 10));
    }
  }
  const Field still = [](const Var& at, const Var&) { return Var(zeros(at.shape())); };
  CHECK(difference(euler_carried(still, y, 2).points, y) == "");
  // -4 y in steps of 1/2: each turns the line over, and two of them back. Only who carries noise
  // knows how much of the density came this way.
  const Field over = [](const Var& at, const Var&) { return -4 * at; };
  const EulerCarried turned_twice = euler_carried(over, x, 2);
  CHECK(turned_twice.turned == 20);
  CHECK(difference(turned_twice.points, x) == "");
  CHECK(difference(turned_twice.log_prob, standard_normal_log_prob(x).value()) == "");
  CHECK(euler_carried(over, x, 8).turned == 0);
  CHECK(message_of<NonFiniteError>([&] { euler_log_prob(over, x, 2); }) ==
        "euler density: a step at t = 0.5 that turns space inside out; hint: more steps");
  CHECK(message_of<NonFiniteError>([&] { euler_carried(over, x, 4); }) ==
        "euler density: a determinant of 0 at t = 0 given; one that is not 0 is required; hint: "
        "another number of steps");
  CHECK(message_of<ShapeError>([&] {
          euler_carried(still, ones({2, 3}), 2);
        }) == "euler density: points (2, 3) given; (B, 1) or (B, 2) are required");
  CHECK_THROWS_AS(euler_log_prob(still, y, 0), ShapeError);
  // y^2 + 1 steps upwards only: nothing leads to -5.
  const Field parabola = [](const Var& at, const Var&) { return square(at); };
  CHECK_THROWS_AS(euler_log_prob(parabola, Tensor({{-5}}), 1), NonFiniteError);
}

TEST_CASE("the density of any method's steps: of a linear field, the Gaussian that it makes") {
  Rng rng(10);
  const Field grow = [](const Var& y, const Var& t) { return (real(0.3) + t) * y; };
  for (const Tableau* tableau : {&euler, &midpoint, &heun, &runge_kutta4})
    for (const Index D : {1, 2}) {
      CAPTURE(tableau->name, D);
      const double factor = integrate(grow, ones({1, 1}), {0, 1}, *tableau, 5).value().item();
      const Tensor x = rng.normal({20, D});
      const Tensor found = solver_log_prob(grow, x, *tableau, 5);
      const Tensor z = (Var(x) / real(factor)).value();
      const Tensor expected = standard_normal_log_prob(z).value();
      for (Index i = 0; i < 20; ++i)
        CHECK(close(found.data()[i],
                    double{expected.data()[i]} - static_cast<double>(D) * std::log(factor), 200,
                    20));
    }
  const Mixture mixture = eight_gaussians();
  const Field field = mixture.field();
  const Tensor y = rng.normal({50, 2});
  CHECK(difference(solver_log_prob(field, y, euler, 10), euler_log_prob(field, y, 10)) == "");
  // A step of 1/2 along -4 y turns over what is below 0, and nothing else is moved; so nothing
  // comes from there, and what is above 0 has its density.
  const Field below = [](const Var& at, const Var&) { return 4 * relu(-at); };
  const Tensor mixed = solver_log_prob(below, Tensor({3, 1}, {real(0.5), -1, 2}), euler, 2);
  CHECK(std::isnan(mixed.data()[1]));
  for (const Index i : {0, 2}) {
    const double z = i == 0 ? 0.5 : 2;
    CHECK(close(mixed.data()[i], -z * z / 2 - std::log(2 * std::numbers::pi) / 2, 20, 5));
  }
  // And -4 y turns everything.
  const Field over = [](const Var& at, const Var&) { return -4 * at; };
  CHECK(std::isnan(solver_log_prob(over, ones({1, 1}), euler, 2).item()));
  // Behind 1 this has no value; of so many steps the last one's end is beyond it, if it is a sum.
  const Field until_1 = [](const Var& at, const Var& t) { return sqrt(1 - t) * at; };
  for (const Index steps : {10, 93, 117, 182}) {
    CAPTURE(steps);
    CHECK(all_finite(solver_log_prob(until_1, ones({1, 1}), runge_kutta4, steps)));
  }
  CHECK_THROWS_AS(solver_log_prob(field, y, heun, 0), ShapeError);
  CHECK_THROWS_AS(solver_log_prob(field, ones({2, 3}), heun, 2), ShapeError);
}

// --- interpolants ---

std::vector<Interpolant> interpolants() {
  return {linear_interpolant(),         polynomial(2),         polynomial(real(0.5)),   cosine(),
          linear_variance_preserving(), variance_preserving(), toward_target(real(0.1))};
}

TEST_CASE("an interpolant's slopes are its derivatives, and it leads from noise to data") {
  for (const Interpolant& path : interpolants()) {
    CAPTURE(path.name);
    const Tensor times({5, 1}, {real(0.05), real(0.3), real(0.5), real(0.8), real(0.99)});
    Tape tape;
    const Var t = tape.variable(times);
    const Coefficients c = path.clamped_at(t);
    const Tensor d_alpha = tape.backward(sum(c.alpha))[t].value();
    const Tensor d_sigma = tape.backward(sum(c.sigma))[t].value();
    CHECK(difference(c.d_alpha, reference(d_alpha), 200, 1) == "");
    CHECK(difference(c.d_sigma, reference(d_sigma), 2000, 1) == "");
    const auto at = [&](real time) { return path.clamped_at(Tensor({1, 1}, time)); };
    CHECK(at(0).alpha.item() == Approx(0).margin(0.0067));
    CHECK(at(0).sigma.item() == Approx(1).margin(3e-5));
    CHECK(at(1).alpha.item() == Approx(1).margin(1.1e-3));
    CHECK(at(1).sigma.item() < 0.11);
    for (const Var& number : {at(1).d_alpha, at(1).d_sigma}) CHECK(std::isfinite(number.item()));
    // It is a path.
    Rng rng(10);
    const Tensor y_0 = rng.normal({5, 2}), y_1 = rng.normal({5, 2});
    const OnPath on = path(y_0, y_1, times);
    CHECK(difference(on.y_t,
                     reference((c.alpha.value() * Var(y_1) + c.sigma.value() * Var(y_0)).value()),
                     4, 4) == "");
    CHECK(
        difference(on.velocity,
                   reference((c.d_alpha.value() * Var(y_1) + c.d_sigma.value() * Var(y_0)).value()),
                   4, 10) == "");
    // Seen from a place, with the velocity of the line itself, the ends are its own.
    const PathEnds ends = expected_ends(path, on.y_t, on.velocity, times);
    CHECK(difference(ends.y_0, reference(y_0), 2000, 4) == "");
    CHECK(difference(ends.y_1, reference(y_1), 2000, 4) == "");
  }
  CHECK(close(variance_preserving().at(Tensor({{0}})).alpha.item(), 0.0065715, 1e-4 / kEps));
  const Tensor y = ones({3, 2}), t({3, 1}, real(0.3));
  CHECK(difference(linear_interpolant()(zeros({3, 2}), y, t).y_t,
                   straight(zeros({3, 2}), y, t).y_t.value()) == "");
  for (const real n : {real(0), real(-1), kInfinity, kNan})
    CHECK(message_of<ShapeError>([&] { polynomial(n); }) ==
          fmt::format("polynomial: t^{} given; a finite power above 0", n));
  for (const real most : {real(2), kInfinity, kNan})
    CHECK(message_of<ShapeError>([&] { variance_preserving(3, most); }) ==
          fmt::format("variance_preserving: from 3 to {} given; 0 < least <= most, both finite",
                      most));
  CHECK(message_of<ShapeError>([] { toward_target(2); }) ==
        "toward_target: a deviation of 2 given; from 0 to 1");
}

TEST_CASE("the score of the oracle's velocity is the gradient of its log p") {
  const Mixture mixture = eight_gaussians();
  Rng rng(11);
  const Tensor y = (2 * rng.normal({20, 2})).value(), t({20, 1}, real(0.6));
  const Tensor found = score(linear_interpolant(), y, mixture.velocity(y, t), t).value();
  Tape tape;
  const Var at = tape.variable(y);
  const Mixture::At here = mixture.at(at, t);
  const Tensor gradient = tape.backward(sum(logsumexp(here.logits, 1)))[at].value();
  CHECK(difference(found, reference(gradient), 400, 10) == "");
}

// The oracle's velocity for any interpolant: the posterior of each centre is a Gaussian's.
Field oracle_of(const Mixture& mixture, const Interpolant& path) {
  return [&mixture, path](const Var& y, const Var& t) {
    const Coefficients c = path.clamped_at(t);
    const real s_2 = mixture.s * mixture.s;
    const Var variance = square(c.sigma) + square(c.alpha) * s_2;
    std::vector<Var> logits;
    for (Index k = 0; k < mixture.centres.rows(); ++k)
      logits.push_back(sum(square(y - c.alpha * mixture.centres.rows(k, k + 1)), 1, KeepAxis::yes) /
                       (-2 * variance));
    const Var all = concat(logits, 1), shares = exp(all - logsumexp(all, 1, KeepAxis::yes));
    const Var m = matmul(shares, mixture.centres);
    const Var off = (y - c.alpha * m) / variance;  // y = alpha y_1 + sigma y_0
    const Var y_1 = m + c.alpha * s_2 * off, y_0 = c.sigma * off;
    return c.d_alpha * y_1 + c.d_sigma * y_0;
  };
}

TEST_CASE("another schedule after training: the field is that one's own, and ends at the same") {
  const Mixture mixture = eight_gaussians();
  Rng rng(12);
  const Tensor noise = rng.normal({50, 2});
  const Tensor straight_end = integrate(mixture.field(), noise, {0, 1}, runge_kutta4, 200).value();
  for (const Interpolant& to : {cosine(), polynomial(2), linear_interpolant(),
                                variance_preserving(), linear_variance_preserving()}) {
    CAPTURE(to.name);
    const Field field = rescheduled(mixture.field(), linear_interpolant(), to);
    const Tensor y = (2 * rng.normal({30, 2})).value(), t = rng.uniform({30, 1}, 0, real(to.last));
    const Tensor expected = oracle_of(mixture, to)(y, t).value();
    CHECK(largest_difference(field(y, t).value(), expected) <
          (kDouble ? 1e-9 : 1e-2) * std::max(1., largest(expected)));
    if (to.last < 1) continue;  // they end a little before the data
    const Tensor end = integrate(field, noise, {0, 1}, runge_kutta4, 200).value();
    CHECK(largest_difference(end, straight_end) < (kDouble ? 1e-4 : 1e-2));
  }
  // And back again.
  const Field there = rescheduled(mixture.field(), linear_interpolant(), cosine());
  const Field back = rescheduled(there, cosine(), linear_interpolant());
  const Tensor y = rng.normal({30, 2}), t = rng.uniform({30, 1}, real(0.05), real(0.95));
  CHECK(largest_difference(back(y, t).value(), mixture.velocity(y, t).value()) <
        (kDouble ? 1e-8 : 1e-2));
}

TEST_CASE("a blur of the path is added to the place, not to the velocity") {
  Rng rng(13);
  const Data data{rng.normal({20'000, 1}), {}};
  Tensor seen;
  const Field field = [&](const Var& y, const Var&) {
    seen = y.value();
    return zeros(y.shape());
  };
  Rng first(14), same(14);
  const Var plain = matching_loss(field, data, first);
  const Tensor sharp = seen;
  const Var blurred = matching_loss(field, data, same, straight, independent, real(0.5));
  CHECK(plain.item() == blurred.item());
  const Var off = Var(seen) - sharp;
  CHECK(mean(off).item() == Approx(0).margin(4 * 0.5 / std::sqrt(20'000.)));
  CHECK(mean(square(off)).item() == Approx(0.25).epsilon(4 * std::sqrt(2. / 20'000)));
}

// --- guidance ---

TEST_CASE("guidance of weight 0 is the conditional model to the last bit, else it exaggerates") {
  Rng rng(15);
  FlowMatching model(2, {.hidden = {8}, .classes = 3, .class_dim = 4, .withheld = real(0.1)}, rng);
  CHECK(model.no_class() == 3);
  CHECK(model.classes->table.value().rows() == 4);
  const Tensor y = rng.normal({6, 2}), t = rng.uniform({6, 1});
  const Labels labels{0, 1, 2, 0, 1, 2}, none(6, 3);
  const Tensor of_class = model.velocity(y, t, labels).value();
  const Tensor of_none = model.velocity(y, t, none).value();
  CHECK(difference(guided(model, labels, 0)(y, t), of_class) == "");
  const Field unasked = [](const Var&, const Var&) -> Var {
    throw Error("weight 0 asked in vain");
  };
  CHECK(difference(guided(model.network.field(model.context(6, labels)), unasked, 0)(y, t),
                   of_class) == "");
  const Var expected = Var(of_none) + real(3) * (Var(of_class) - of_none);  // g = 1 + w
  CHECK(difference(guided(model, labels, 2)(y, t), reference(expected.value()), 20, 10) == "");
  CHECK(difference(guided(model, labels, -1)(y, t), of_none) == "");
  CHECK_THROWS_AS(guided(model, labels, real(HUGE_VAL)), ShapeError);
  CHECK_THROWS_AS(guided(model, {0, 5}, 1), ShapeError);
  const FlowMatching plain(2, {.hidden = {8}, .classes = 3}, rng);
  CHECK(message_of<ShapeError>([&] { guided(plain, labels, 1); }) ==
        "FlowMatching::no_class: the classes of this model are never withheld");
  CHECK(message_of<ShapeError>([&] { FlowMatching(2, {.withheld = real(0.5)}, rng); }) ==
        "FlowMatching: a share of 0.5 of the classes withheld given, of 0 classes; from 0 to below "
        "1, and 0 without classes");
}

TEST_CASE("the loss withholds classes as often as it is told") {
  Rng rng(16);
  FlowMatching model(1, {.hidden = {4}, .classes = 2, .class_dim = 1, .withheld = real(0.2)}, rng);
  // The velocity is the class's number alone: 1, 1 for the classes, 0 for none; the lines' is 0 in
  // the mean, with the variance 1 of the noise, as all data is at 0.
  model.network = VelocityNetwork(1, {.hidden = {}, .context = 1}, rng);
  model.network.network.layers[0].W = Tensor({{0, 0, 1}});
  model.network.network.layers[0].b = Tensor(Shape{1}, {0});
  model.classes->table = Tensor({{1}, {1}, {0}});
  const Index n = 40'000;
  const Data data{zeros({n, 1}), rng.integers(2, n)};
  const double loss = model.loss(data, rng).item();
  CHECK(loss == Approx(1 + 0.8).margin(4 * std::sqrt((2 + 4 * 0.8 + 0.16) / double(n))));
}

TEST_CASE("guidance distorts: the farther from its class, the larger the weight") {
  // Two classes, N(-1, 1/4) and N(1, 1/4), and both together, of which all velocities are known.
  const Mixture of_class{Tensor({{1}}), real(0.5)}, of_none{Tensor({{-1}, {1}}), real(0.5)};
  Tensor noise({2000, 1});  // quantiles, by the inverse of the normal distribution
  for (Index i = 0; i < 2000; ++i) {
    double low = -9, high = 9;
    const double share = (double(i) + 0.5) / 2000;
    for (int k = 0; k < 60; ++k) {
      const double middle = (low + high) / 2;
      (0.5 * std::erfc(-middle / std::numbers::sqrt2) > share ? high : low) = middle;
    }
    noise.mutable_data()[i] = real(low);
  }
  const auto distance = [&](real w) {  // W2: on a line, of the sorted samples
    const Field field = guided(of_class.field(), of_none.field(), w);
    const Tensor end = integrate(field, noise, {0, 1}, runge_kutta4, 100).value();
    const Var exact = 1 + real(0.5) * noise;
    return std::sqrt(mean(square(Var(end) - exact)).item());
  };
  CHECK(distance(0) < 1e-3);
  CHECK(distance(1) > 0.05);
  CHECK(distance(3) > 1.5 * distance(1));
}

}  // namespace
}  // namespace gradflow
