// Solvers against an oracle: orders, densities and mass on a mixture of Gaussians; and adaptive
// steps: their error, their cost, their times, their curve, and what they refuse.

#include <algorithm>
#include <cmath>

#include "autograd/gradcheck.h"
#include "flows/ode/adaptive.h"
#include "flows/ode/integrate.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/mixture.h"

namespace gradflow {
namespace {

Adaptive tolerance(double both) { return {.relative = both, .absolute = both}; }

// dy/dt = -2ty: y = y(0) exp(-t^2)
const Field kBell = [](const Var& y, const Var& t) { return -2 * t * y; };

// --- the oracle ---

TEST_CASE("the oracle's divergence is the tape's, and its density flows as it must") {
  const Mixture mixture = eight_gaussians();
  Rng rng(1);
  const Tensor y = (2 * rng.normal({20, 2})).value(), t = rng.uniform({20, 1});
  const Tensor div = mixture.divergence(y, t).value();
  Tape tape;
  const Var at = tape.variable(y);
  const Var v = mixture.velocity(at, t);
  const Tensor a = tape.backward(sum(slice(v, 1, 0, 1)))[at].value();
  const Tensor b = tape.backward(sum(slice(v, 1, 1, 2)))[at].value();
  for (Index i = 0; i < 20; ++i)
    CHECK(close(div.at({i, 0}), double{a.at({i, 0})} + double{b.at({i, 1})}, 400, 10));
  // d p / dt + div(p v) = 0, by differences, where both are of size 1.
  if (!kDouble) return;
  const double time = 0.6, h = 1e-5;
  const auto p = [&](double x_0, double x_1, double s) {
    return std::exp(double{mixture.log_prob(Tensor({{real(x_0), real(x_1)}}), s).item()});
  };
  const auto flux = [&](double x_0, double x_1, Index i) {
    const Tensor place({{real(x_0), real(x_1)}});
    return p(x_0, x_1, time) * mixture.velocity(place, Tensor({{real(time)}})).value().at({0, i});
  };
  const double x_0 = 1.3, x_1 = 0.4;
  const double change = (p(x_0, x_1, time + h) - p(x_0, x_1, time - h)) / (2 * h);
  const double out = (flux(x_0 + h, x_1, 0) - flux(x_0 - h, x_1, 0) + flux(x_0, x_1 + h, 1) -
                      flux(x_0, x_1 - h, 1)) /
                     (2 * h);
  CHECK(std::abs(change) > 1e-3);
  CHECK(change == Approx(-out).epsilon(1e-5));
}

#ifdef GRADFLOW_DOUBLE  // float's roundings hide the higher orders
TEST_CASE("on the oracle solvers have their orders", "[slow]") {
  const Mixture mixture = eight_gaussians();
  Rng rng(2);
  const Tensor noise = rng.normal({50, 2});
  const auto end = [&](const Tableau& tableau, Index steps) {
    return integrate(mixture.field(), noise, {0, 1}, tableau, steps).value();
  };
  const Tensor exact = end(dormand_prince, 2000);
  for (const auto& [tableau, steps] : {std::pair(&euler, Index{400}),
                                       {&midpoint, 400},
                                       {&heun, 400},
                                       {&runge_kutta4, 200},
                                       {&dormand_prince, 100}}) {
    CAPTURE(tableau->name);
    const double ratio = largest_difference(end(*tableau, steps), exact) /
                         largest_difference(end(*tableau, 2 * steps), exact);
    CHECK(std::log2(ratio) == Approx(tableau->order).margin(0.25));
  }
}
#endif

struct Errors {
  double mean = 0, largest = 0, mass = 0;
};
// Of log p at 2000 points of the data, and of its integral.
Errors errors_of(const Mixture& mixture, const Tableau& tableau, const Steps& steps,
                 std::uint64_t seed = 1) {
  Rng rng(seed);
  const Tensor data = mixture.sample(2000, rng), exact = mixture.log_prob(data);
  const Tensor solved = mixture.solved_log_prob(data, tableau, steps);
  Errors errors{.mean = 0, .largest = largest_difference(solved, exact), .mass = 0};
  for (std::size_t i = 0; i < 2000; ++i)
    errors.mean += std::abs(double{solved.values()[i]} - double{exact.values()[i]}) / 2000;
  const Tensor cells = grid(real(4.6), 92);
  errors.mass = 0.01 * sum(exp(mixture.solved_log_prob(cells, tableau, steps))).item();
  return errors;
}

TEST_CASE("eighty looks at the oracle's field give its density", "[slow]") {
  std::vector<double> largest;  // now and then one point in 10 000 is as far off as 5e-3
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Errors errors = errors_of(eight_gaussians(), runge_kutta4, 20, seed);
    CHECK(errors.mean < 1e-4);
    CHECK(std::abs(errors.mass - 1) < 1e-3);
    largest.push_back(errors.largest);
  }
  std::sort(largest.begin(), largest.end());
  CHECK(largest[2] < 2e-3);
}

TEST_CASE("the largest row's error keeps single points right, where the mass hides them",
          "[slow]") {
  const Mixture mixture = eight_gaussians();
  const Errors coarse = errors_of(mixture, dormand_prince, tolerance(1e-3));
  CHECK(coarse.largest < 0.1);
  CHECK(std::abs(coarse.mass - 1) < 1e-3);
  const Errors fine = errors_of(mixture, dormand_prince, tolerance(1e-5));
  CHECK(fine.mean < 1e-4);
  CHECK(fine.largest < 1e-3);
  CHECK(std::abs(fine.mass - 1) < 1e-4);
  // Euler's method is not enough for it with a hundred steps.
  CHECK(std::abs(errors_of(mixture, euler, 100).mass - 1) > 1e-2);
}

// --- adaptive steps ---

TEST_CASE("the error of adaptive steps follows the tolerance", "[slow]") {
  const Mixture mixture = eight_gaussians();
  Rng rng(4);
  const Tensor noise = rng.normal({200, 2});
  const Tensor exact = integrate(mixture.field(), noise, {0, 1}, dormand_prince, 2000).value();
  double before = 1;
  Index evaluations = 0;
  for (int digits = 3; digits <= (kDouble ? 9 : 4); ++digits) {
    const double allowed = std::pow(10., -digits);
    CAPTURE(allowed);
    const Solution solution =
        solve(mixture.field(), noise, {0, 1}, dormand_prince, tolerance(allowed));
    const double error = largest_difference(solution.states.back().value(), exact);
    CHECK(error < 100 * allowed);
    CHECK(error > allowed / 100);
    CHECK(error < before);
    CHECK(solution.effort.evaluations >= evaluations + kDouble);  // in float steps can agree
    before = error;
    evaluations = solution.effort.evaluations;
  }
}

TEST_CASE("the effort is what was asked: two looks to begin with, six for each try") {
  const Mixture mixture = eight_gaussians();
  Rng rng(5);
  const Tensor noise = rng.normal({50, 2});
  Index calls = 0;
  const Field counting = [&](const Var& y, const Var& t) {
    ++calls;
    return mixture.velocity(y, t);
  };
  const Effort effort = solve(counting, noise, {0, 1}, dormand_prince, tolerance(1e-4)).effort;
  CHECK(effort.evaluations == calls);
  CHECK(calls == 2 + 6 * (effort.accepted + effort.rejected));
  CHECK(effort.rejected >= 1);
  CHECK(effort.forced == 0);
  // Steps of one size: seven looks at the first, then the last look is the next one's first.
  calls = 0;
  CHECK(solve(counting, noise, {0, 1}, dormand_prince, 10).effort.evaluations == 61);
  CHECK(calls == 61);
  calls = 0;
  CHECK(solve(counting, noise, {0, 1}, runge_kutta4, 10).effort.evaluations == 40);
  CHECK(calls == 40);
}

TEST_CASE("adaptive steps never look beyond the span") {
  // Of points as far out as these, by a field as slow, the first step is the whole span; and
  // from + (to - from) is not `to`.
  for (const real size : {real(1), real(1000)})
    for (const Span& span :
         {Span{0, 1}, {1, 0.1}, {1, 1e-17}, {0.1, 0.7}, {2.3, 0.2}, {-0.1, 0.3}}) {
      bool within = true;
      const Field field = [&](const Var& y, const Var& t) {
        const real at = t.value().data()[0];
        within &=
            real(std::min(span.from, span.to)) <= at && at <= real(std::max(span.from, span.to));
        return Var(ones(y.shape()));
      };
      const real end =
          integrate(field, Tensor({1, 1}, size), span, dormand_prince, Adaptive{}).item();
      CAPTURE(size, span.from, span.to);
      CHECK(end == Approx(double{size} + span.to - span.from).margin(1e-5));
      CHECK(within);
    }
}

TEST_CASE("adaptive steps land exactly on the times that are asked for") {
  for (const bool back : {false, true}) {
    std::vector<double> times{0, 1e-4, 0.1, 0.3, 0.30001, 0.7, 1.3};
    if (back) std::reverse(times.begin(), times.end());
    std::vector<real> seen;
    const Field recording = [&](const Var& y, const Var& t) {
      seen.push_back(t.value().data()[0]);
      return kBell(y, t);
    };
    const Tensor start({{1}, {-2}});
    const Solution solution =
        solve(recording, start, times, dormand_prince, tolerance(kDouble ? 1e-8 : 1e-5));
    REQUIRE(solution.states.size() == times.size());
    CHECK(difference(solution.states.front(), start) == "");
    for (std::size_t i = 0; i < times.size(); ++i) {
      CAPTURE(back, times[i]);
      const double factor = std::exp(times[0] * times[0] - times[i] * times[i]);
      CHECK(solution.states[i].value().at({0, 0}) == Approx(factor).epsilon(kDouble ? 1e-6 : 1e-4));
      CHECK(solution.states[i].value().at({1, 0}) ==
            Approx(-2 * factor).epsilon(kDouble ? 1e-6 : 1e-4));
      CHECK(std::find(seen.begin(), seen.end(), real(times[i])) != seen.end());
    }
    for (const real t : seen) CHECK((real(0) <= t && t <= real(1.3)));
  }
  // A stop on the way does not make the steps after it short.
  const auto steps = [&](const std::vector<double>& times) {
    return solve(kBell, ones({1, 1}), times, dormand_prince, tolerance(1e-5)).effort.accepted;
  };
  CHECK(steps({0, 0.5, 0.5001, 2}) <= steps({0, 2}) + 4);
}

TEST_CASE("a point is carried alike alone and among ten thousand, within the tolerance") {
  const Mixture mixture = eight_gaussians();
  Rng rng(6);
  const Tensor many = rng.normal({10'000, 2});
  const auto end = [&](const Tensor& points) {
    return integrate(mixture.field(), points, {0, 1}, dormand_prince, tolerance(1e-5)).value();
  };
  const Tensor all = end(many);
  for (Index i = 0; i < 5; ++i)
    CHECK(largest_difference(end(many.rows(i, i + 1)), all.rows(i, i + 1)) < 1e-3);
}

TEST_CASE("the worst point decides on the steps, however many others there are") {
  // Points at 0 stand still; one runs.
  Tensor one({1, 1}, {1}), hidden = zeros({1000, 1});
  hidden.mutable_data()[500] = 1;
  const auto effort = [&](const Tensor& y) {
    return solve(kBell, y, {0, 2}, dormand_prince, tolerance(1e-5)).effort;
  };
  CHECK(effort(hidden).accepted == effort(one).accepted);
  CHECK(effort(hidden).evaluations == effort(one).evaluations);
}

TEST_CASE("the first step, the norm and the factor are those of the book") {
  const Adaptive allowed{.relative = 0.1, .absolute = 0.01};
  const Tensor e({{real(0.3), 0}, {real(0.11), real(0.22)}}), y({{-2, 1}, {1, 0}});
  const Tensor y_1({{1, 1}, {-1, real(2.1)}});
  // Rows: .3/.21 and 0; .11/.11 and .22/.22. Root mean squares 1.0102 and 1.
  CHECK(close(real(largest_row_error(e, y, y_1, allowed)), 0.3 / 0.21 / std::sqrt(2.0), 20));
  CHECK(std::isnan(largest_row_error(Tensor({{std::nanf(""), 0}, {1, 1}}), y, y_1, allowed)));
  CHECK(std::isnan(largest_row_error(Tensor({{1, 1}, {0, std::nanf("")}}), y, y_1, allowed)));

  CHECK(size_factor(1, 5, true) == 1);
  CHECK(size_factor(1e-5, 5, true) == Approx(9));
  CHECK(size_factor(1e-5, 5, false) == 1);
  CHECK(size_factor(0, 5, true) == 10);
  CHECK(size_factor(32, 5, true) == Approx(0.45));
  CHECK(size_factor(1e9, 5, true) == 0.2);

  // dy/dt = -y from 1: d_0 = d_1 = 1 / .11, h_0 = .01, d_2 = 1 / .11 again.
  Index calls = 0;
  const Field decay = [&](const Var& at, const Var& t) {
    ++calls;
    CHECK(close(t.item(), 3.01, 2));
    return -at;
  };
  Asked asked(decay);
  const double h = first_step(asked, ones({1, 1}), Tensor({{-1}}), {3, 8}, 5, allowed);
  CHECK(calls == 1);
  CHECK(h == Approx(std::pow(0.01 * 0.11, 0.2)).epsilon(1e-4));
  // Twice as fast: half as far.
  const Field faster = [](const Var& at, const Var& t) {
    CHECK(close(t.item(), 3.005, 2));
    return -2 * at;
  };
  Asked hurried(faster);
  CHECK(first_step(hurried, ones({1, 1}), Tensor({{-2}}), {3, 8}, 5, allowed) < h);
  const Field still = [](const Var& at, const Var&) { return Var(zeros(at.shape())); };
  Asked resting(still);
  CHECK(first_step(resting, zeros({1, 1}), zeros({1, 1}), {0, 5}, 5, allowed) == Approx(1e-6));
  CHECK(first_step(resting, ones({1, 1}), zeros({1, 1}), {0, -1e-7}, 5, allowed) == 1e-7);
}

TEST_CASE("steps grow where nothing happens, and shrink where something does") {
  // A bump of the velocity at t = 1/2. (One that is much narrower would be stepped over unseen.)
  const Field bump = [](const Var& y, const Var& t) {
    return 20 * exp(-square((t - real(0.5)) * 8)) * ones(y.shape());
  };
  const std::vector<Var> states = trajectory(bump, zeros({1, 1}), {0, 1}, dormand_prince,
                                             Adaptive{.relative = 1e-5, .absolute = 1e-5});
  CHECK(states.size() < 60);
  CHECK(states.back().item() == Approx(20 * std::sqrt(std::numbers::pi) / 8).epsilon(1e-4));
}

TEST_CASE("forth and back again adaptive steps undo what they did") {
  const Mixture mixture = eight_gaussians();
  Rng rng(7);
  const Tensor noise = rng.normal({100, 2});
  const Adaptive allowed = tolerance(kDouble ? 1e-8 : 1e-5);
  const Var there = integrate(mixture.field(), noise, {0, 1}, dormand_prince, allowed);
  const Var back = integrate(mixture.field(), there, {1, 0}, dormand_prince, allowed);
  CHECK(largest_difference(back.value(), noise) < (kDouble ? 1e-5 : 1e-2));
}

TEST_CASE("the curve of a solve is exact at its steps' ends and of fifth order between") {
  const auto exact = [](double t) { return std::exp(-t * t); };
  const auto error = [&](Index steps) {  // in the middle of steps
    const Curve y = curve(kBell, ones({1, 1}), {0, 1}, dormand_prince, steps);
    double most = 0;
    for (Index i = 0; i < 4 * steps; ++i) {
      const double t = (double(i) + 0.5) / (4 * double(steps));
      most = std::max(most, std::abs(double{y.at(t).item()} - exact(t)));
    }
    return most;
  };
  if (kDouble) CHECK(std::log2(error(8) / error(16)) == Approx(5).margin(0.5));
  CHECK(error(8) < 1e-5);
  for (const Span& span : {Span{0, 2}, {2, 0}}) {
    const std::vector<Var> states = trajectory(kBell, ones({3, 1}), span, dormand_prince, 4);
    const Curve y = curve(kBell, ones({3, 1}), span, dormand_prince, 4);
    for (Index i = 0; i <= 4; ++i) {
      const double t = span.from < span.to ? 0.5 * double(i) : 2 - 0.5 * double(i);
      CHECK(difference(y.at(t), states[std::size_t(i)].value()) == "");
    }
    CHECK(y.effort().evaluations == 25);
    CHECK_THROWS_AS(y.at(2.1), ShapeError);
    CHECK(message_of<ShapeError>([&] { y.at(-0.1); }) ==
          fmt::format("Curve::at: time -0.1 given; from {} to {}", span.from, span.to));
  }
  const Mixture mixture = eight_gaussians();
  Rng rng(8);
  const Tensor noise = rng.normal({100, 2});
  const Adaptive allowed = tolerance(1e-4);
  const Curve path = curve(mixture.field(), noise, {0, 1}, dormand_prince, allowed);
  for (const double t : {0.1, 0.37, 0.5, 0.83, 0.999}) {
    const Var there = integrate(mixture.field(), noise, {0, t}, dormand_prince, tolerance(1e-6));
    CHECK(largest_difference(path.at(t).value(), there.value()) < 2e-3);
  }
}

TEST_CASE("gradients go through adaptive steps and their curve") {
  Rng rng(9);
  const Tensor y = rng.normal({3, 2}), A = rng.normal({2, 2});
  for (const Span& span : {Span{0, 1}, {1, 0}}) {
    const auto field = [](const Var& W) {
      return [W](const Var& state, const Var& t) { return tanh(matmul(state, W) + t); };
    };
    // How long the steps are counts as a constant: that matters as much as the error does.
    const Adaptive allowed = tolerance(kDouble ? 1e-10 : 1e-5);
    const Function end = [&](const std::vector<Var>& in) {
      return integrate(field(in[1]), in[0], span, dormand_prince, allowed);
    };
    const GradcheckResult through = gradcheck(end, {y, A});
    INFO(through.report);
    CHECK(through.passed);
    const Function between = [&](const std::vector<Var>& in) {
      return curve(field(in[1]), in[0], span, dormand_prince, 2).at(0.4);
    };
    const GradcheckResult inner = gradcheck(between, {y, A});
    INFO(inner.report);
    CHECK(inner.passed);
    CHECK(gradgradcheck(between, {y, A}).passed);
  }
}

TEST_CASE("what is not finite, endless or too stiff ends with a word") {
  const Tensor y = ones({1, 1});
  const auto message = [&](const Field& field, const Adaptive& adaptive, const Span& span = {}) {
    return message_of<NonFiniteError>([&] { integrate(field, y, span, dormand_prince, adaptive); });
  };
  const Field nowhere = [](const Var& at, const Var&) { return at * std::nanf(""); };
  CHECK(message(nowhere, {}) == "integrate: the field is not finite at t = 0");
  // Not finite from t = 1/2 on.
  const Field wall = [](const Var& at, const Var& t) {
    return t.item() < real(0.5) ? Var(ones(at.shape())) : at / real(0);
  };
  CHECK(message(wall, {}).substr(0, 35) == "integrate: not finite between t = 0");
  // y' = y^2 from 1 is infinite at t = 1: its steps become too short, or it leaves all numbers.
  const Field explosion = [](const Var& at, const Var&) { return square(at); };
  CHECK(message(explosion, {.most_tries = 300}, {0, 2}) != "");
  CHECK(
      message(kBell, {.relative = 1e-6, .absolute = 1e-6, .most_tries = 3}, {0, 3}).substr(0, 35) ==
      "integrate: 3 steps tried, and t = 0");
  // A jump at 1/3, whose error no step can make small: forced, counted, and passed.
  const Field jump = [](const Var& at, const Var& t) {
    return Tensor(at.shape(), t.item() < real(1. / 3) ? real(0) : real(1000));
  };
  const Solution passed =
      solve(jump, zeros({1, 1}), {0, 1}, dormand_prince, tolerance(kDouble ? 1e-9 : 1e-5));
  if (kDouble) CHECK(passed.effort.forced >= 1);  // a float's jump is lost among its roundings
  CHECK(passed.states.back().item() == Approx(2000. / 3).epsilon(1e-4));
  // Half a step later all is well again.
  Index calls = 0;
  const Field hiccup = [&](const Var& at, const Var&) {
    return ++calls == 4 ? at / real(0) : Var(ones(at.shape()));
  };
  const Solution over = solve(hiccup, zeros({1, 1}), {0, 1}, dormand_prince, Adaptive{});
  CHECK(over.effort.rejected == 1);
  CHECK(over.states.back().item() == Approx(1));
}

TEST_CASE("adaptive solves that make no sense are refused") {
  const Tensor y = ones({1, 1});
  const auto message = [&](const std::function<void()>& call) {
    return message_of<ShapeError>(call);
  };
  const auto with = [&](const Adaptive& adaptive, const Tableau& tableau = dormand_prince) {
    return message([&] { integrate(kBell, y, {0, 1}, tableau, adaptive); });
  };
  CHECK(with({.relative = 0}) == "integrate: a tolerance of 0 given; more than 0");
  CHECK(with({.absolute = -1}) == "integrate: a tolerance of -1 given; more than 0");
  CHECK(with({.absolute = HUGE_VAL}) == "integrate: a tolerance of inf given; more than 0");
  CHECK(with({.relative = std::nan("")}) == "integrate: a tolerance of nan given; more than 0");
  CHECK(with({}, euler) ==
        "integrate: adaptive steps of euler given; a method that estimates its error; hint: "
        "dormand_prince");
  CHECK(message([&] {
          curve(kBell, y, {0, 1}, runge_kutta4, 3);
        }) == "curve: runge_kutta4 given; a method with dense output; hint: dormand_prince");
  CHECK(message([&] { solve(kBell, y, {0}, euler, 3); }) == "solve: 1 times given; at least 2");
  CHECK(message([&] {
          solve(kBell, y, {0, 1, 0.5}, euler, 3);
        }) == "solve: time 0.5 behind 1 given; all upwards, or all downwards, and finite");
  CHECK_THROWS_AS(solve(kBell, y, {0, 0}, euler, 3), ShapeError);
  CHECK_THROWS_AS(solve(kBell, y, {0, std::nan("")}, euler, 3), ShapeError);
  CHECK_THROWS_AS(curve(kBell, y, {0, HUGE_VAL}, dormand_prince, 3), ShapeError);
  CHECK_THROWS_AS(Curve({}, {}), ShapeError);
  // A span of no length ends where it begins.
  CHECK(integrate(kBell, y, {1, 1}, dormand_prince, Adaptive{}).item() == 1);
}

TEST_CASE("a batch without points is carried nowhere") {
  const Var end = integrate(kBell, zeros({0, 2}), {0, 1}, dormand_prince, Adaptive{});
  CHECK(end.shape() == Shape{0, 2});
}

}  // namespace
}  // namespace gradflow
