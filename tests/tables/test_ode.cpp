// Solvers: the order of convergence of every one, measured; which end of a step Euler looks at; and
// how time runs.

#include "flows/ode.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

struct Row {
  const char* name;
  Solver solver;
  double order;
  Index steps;  // enough for the order to be seen, few enough for float to see the error
};
const Row kSolvers[] = {{"euler", euler, 1, 100},
                        {"euler_right_end", euler_right_end, 1, 100},
                        {"midpoint", midpoint, 2, 50},
                        {"runge_kutta4", runge_kutta4, 4, 4}};

void count(const char* check, const Row& row) { counted("solvers", check, row.name); }

// dy/dt = y cos(t): y = y(0) exp(sin t)
const Velocity kSwing = [](const Tensor& y, real t) { return (std::cos(t) * y).value(); };

// A circle that is run through faster and faster: dy/dt = 2t (-y_2, y_1), at the angle t^2. Here
// the state turns while the clock runs, so that a method that is wrong in either is seen.
const Velocity kCircle = [](const Tensor& y, real t) {
  return (2 * t * (gather(y, {1, 0}, 1) * Tensor({2}, {-1, 1}))).value();
};

double swing_error(const Row& row, Index steps) {
  const Tensor y = integrate(kSwing, ones({1, 1}), {0, 2, steps}, row.solver);
  return std::abs(double{y.item()} - std::exp(std::sin(2.0)));
}

double circle_error(const Row& row, double from, double to, Index steps) {
  const auto place = [](double t) { return std::pair(std::cos(t * t), std::sin(t * t)); };
  const auto [x, y] = place(from);
  const Tensor end =
      integrate(kCircle, Tensor({{real(x), real(y)}}), {from, to, steps}, row.solver);
  const auto [end_x, end_y] = place(to);
  return std::hypot(double{end.at({0, 0})} - end_x, double{end.at({0, 1})} - end_y);
}

// Twice the steps: the error falls by two to the power of the order.
double order(double error, double error_of_twice_the_steps) {
  return std::log2(error / error_of_twice_the_steps);
}

TEST_CASE("each solver converges with its order", "[registry]") {
  for (const Row& row : kSolvers) {
    CAPTURE(row.name);
    const Index n = row.steps;
    const auto near = [&](double measured) { return std::abs(measured - row.order) < 0.15; };
    CHECK(near(order(swing_error(row, n), swing_error(row, 2 * n))));
    count("measured order", row);
    CHECK(near(order(circle_error(row, 0, 1.5, 2 * n), circle_error(row, 0, 1.5, 4 * n))));
    count("measured order, coordinates that turn", row);
    CHECK(near(order(circle_error(row, 1.5, 0, 2 * n), circle_error(row, 1.5, 0, 4 * n))));
    count("measured order, back in time", row);
  }
}

TEST_CASE("every solver of flows/ode.h has a row in the table", "[registry]") {
  std::ifstream file(GRADFLOW_FLOWS_DIRECTORY "/ode.h");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::regex step(
      R"(Tensor\s+(\w+)\(\s*const Velocity& v,\s*const Tensor& y,\s*real t,\s*real dt\))");
  std::set<std::string> declared, tested;
  for (std::sregex_iterator found(text.begin(), text.end(), step), end; found != end; ++found)
    declared.insert((*found)[1]);
  for (const Row& row : kSolvers) tested.insert(row.name);
  CHECK(tested == declared);
}

// dy/dt = t: the sum of the times at which the velocity was asked for, over their number.
real area(Solver solver, const TimeSpan& span) {
  const Velocity clock = [](const Tensor& y, real t) { return Tensor(y.shape(), t); };
  return integrate(clock, zeros({1, 1}), span, solver).item();
}

TEST_CASE("Euler looks at the beginning of a step, euler_right_end at its end") {
  for (const Index n : {1, 2, 3, 10, 100}) {
    CAPTURE(n);
    const double steps = double(n), roundings = 2 * steps + 2;
    CHECK(close(area(euler, {0, 1, n}), (steps - 1) / (2 * steps), roundings, 1));
    CHECK(close(area(euler_right_end, {0, 1, n}), (steps + 1) / (2 * steps), roundings, 1));
    CHECK(close(area(midpoint, {0, 1, n}), 0.5, roundings, 1));
    CHECK(close(area(runge_kutta4, {0, 1, n}), 0.5, roundings, 1));
    // Back in time the beginning of a step is its later end.
    CHECK(close(area(euler, {1, 0, n}), -(steps + 1) / (2 * steps), roundings, 1));
    CHECK(close(area(euler_right_end, {1, 0, n}), -(steps - 1) / (2 * steps), roundings, 1));
    CHECK(close(area(midpoint, {1, 0, n}), -0.5, roundings, 1));
  }
}

TEST_CASE("the velocity is asked for at whole steps of the span, no more and no fewer") {
  std::vector<real> times;
  const Velocity recording = [&](const Tensor& y, real t) {
    times.push_back(t);
    return zeros(y.shape());
  };
  const auto times_of = [&](const TimeSpan& span, Solver solver) {
    times.clear();
    integrate(recording, zeros({1, 1}), span, solver);
    return times;
  };
  CHECK(times_of({0, 1, 4}, euler) == std::vector<real>{0, 0.25, 0.5, 0.75});
  CHECK(times_of({0, 1, 4}, euler_right_end) == std::vector<real>{0.25, 0.5, 0.75, 1});
  CHECK(times_of({1, 0, 4}, euler) == std::vector<real>{1, 0.75, 0.5, 0.25});
  CHECK(times_of({0, 1, 2}, midpoint) == std::vector<real>{0, 0.25, 0.5, 0.75});
  CHECK(times_of({0, 1, 1}, runge_kutta4) == std::vector<real>{0, 0.5, 0.5, 1});
  CHECK(times_of({0.5, 2.5, 2}, euler) == std::vector<real>{0.5, 1.5});
  // Steps that are no binary fractions do not add up to one too many.
  for (const Index n : {3, 10, 1000}) {
    const std::vector<real> seen = times_of({0, 1, n}, euler);
    CHECK(std::ssize(seen) == n);
    CHECK(seen.back() == real(double(n - 1) / double(n)));
    CHECK(times_of({1, 0, n}, euler).back() ==
          Approx(1.0 / double(n)).epsilon(10 * kEps * double(n)));
  }
}

TEST_CASE("steps_of_size rounds to whole steps") {
  CHECK(steps_of_size(1) == 1);
  CHECK(steps_of_size(0.5) == 2);
  CHECK(steps_of_size(1.0 / 3) == 3);
  CHECK(steps_of_size(0.3) == 3);
  CHECK(steps_of_size(0.2) == 5);
  CHECK(steps_of_size(0.05) == 20);
  CHECK(steps_of_size(0.002) == 500);
  CHECK(steps_of_size(0.001) == 1000);
  CHECK(steps_of_size(0.7) == 1);
  CHECK(message_of<ShapeError>([] { steps_of_size(0); }) ==
        "steps_of_size: dt 0 given; more than 0, at most 1");
  CHECK_THROWS_AS(steps_of_size(-0.1), ShapeError);
  CHECK_THROWS_AS(steps_of_size(1.5), ShapeError);
  CHECK_THROWS_AS(steps_of_size(std::nan("")), ShapeError);
}

TEST_CASE("back in time a solver undoes what it did, up to its error") {
  const Tensor start({{1, -2}, {0.5, 3}});
  const auto round_trip = [&](Solver solver, Index steps) {
    const Tensor there = integrate(kSwing, start, {0, 1, steps}, solver);
    const Tensor back = integrate(kSwing, there, {1, 0, steps}, solver);
    double worst = 0;
    for (std::size_t i = 0; i < 4; ++i)
      worst = std::max(worst, std::abs(double{back.values()[i]} - start.values()[i]));
    return worst;
  };
  // Euler's is of first order in dt: ten times the steps, a tenth of the error.
  CHECK(round_trip(euler, 10) / round_trip(euler, 100) == Approx(10).epsilon(0.2));
  CHECK(round_trip(runge_kutta4, 20) < 1e-5);
  CHECK(round_trip(euler, 100) > 1e-3);
}

TEST_CASE("a trajectory holds the beginning and the state after every step", "[registry]") {
  const Tensor start({{1, -2}, {0.5, 3}});
  for (const Row& row : kSolvers) {
    CAPTURE(row.name);
    const TimeSpan span{0, 1, 5};
    const auto states = trajectory(kSwing, start, span, row.solver);
    REQUIRE(states.size() == 6);
    CHECK(difference(states.front(), start) == "");
    CHECK(difference(states.back(), integrate(kSwing, start, span, row.solver)) == "");
    Tensor y = start;
    for (Index k = 0; k < 5; ++k) {
      y = row.solver(kSwing, y, real(span.time(k)), real(span.dt()));
      CHECK(difference(states[std::size_t(k) + 1], y) == "");
    }
    CHECK(difference(start, Tensor({{1, -2}, {0.5, 3}})) == "");  // the given points are kept
    count("trajectory", row);
  }
}

TEST_CASE("time spans") {
  const TimeSpan forth{0, 1, 4}, back{1, 0, 4};
  CHECK(TimeSpan{}.steps == 1000);
  CHECK(forth.dt() == 0.25);
  CHECK(back.dt() == -0.25);
  CHECK(forth.time(3) == 0.75);
  CHECK(back.time(3) == 0.25);
  CHECK(message_of<ShapeError>([] {
          integrate(kSwing, ones({1, 1}), {0, 1, 0});
        }) == "integrate: 0 steps given; at least 1");
  CHECK_THROWS_AS(trajectory(kSwing, ones({1, 1}), {0, 1, -1}), ShapeError);
}

}  // namespace
}  // namespace gradflow
