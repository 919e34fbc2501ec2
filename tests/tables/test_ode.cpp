// Solvers: the order of convergence of every one, measured; which end of a step Euler looks at; how
// time runs; and gradients through a solve.

#include <cmath>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "autograd/gradcheck.h"
#include "flows/ode/integrate.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

struct Method {
  const Tableau* tableau;
  Index steps;  // enough for the order to be seen, few enough for float to see the error
  bool double_only = false;  // if there is no such number
};
// A new solver is added here.
const Method kSolvers[] = {{&euler, 100}, {&euler_right_end, 100}, {&midpoint, 50},
                           {&heun, 50},   {&runge_kutta4, 4},      {&dormand_prince, 24, true}};

void count(const char* check, const Method& row) { counted("solvers", check, row.tableau->name); }

// dy/dt = y cos(t): y = y(0) exp(sin t)
const Field kSwing = [](const Var& y, const Var& t) { return cos(t) * y; };

// A circle that is run through faster and faster: dy/dt = 2t (-y_2, y_1), at the angle t^2. Here
// the state turns while the clock runs, so that a method that is wrong in either is seen.
const Field kCircle = [](const Var& y, const Var& t) {
  return 2 * t * (gather(y, {1, 0}, 1) * Tensor({2}, {-1, 1}));
};

double swing_error(const Method& row, Index steps) {
  const Var y = integrate(kSwing, ones({1, 1}), {0, 2}, *row.tableau, {steps});
  return std::abs(double{y.item()} - std::exp(std::sin(2.0)));
}

double circle_error(const Method& row, double from, double to, Index steps) {
  const auto place = [](double t) { return std::pair(std::cos(t * t), std::sin(t * t)); };
  const auto [x, y] = place(from);
  const Tensor end =
      integrate(kCircle, Tensor({{real(x), real(y)}}), {from, to}, *row.tableau, {steps}).value();
  const auto [end_x, end_y] = place(to);
  return std::hypot(double{end.at({0, 0})} - end_x, double{end.at({0, 1})} - end_y);
}

// Twice the steps: the error falls by two to the power of the order.
double order(double error, double error_of_twice_the_steps) {
  return std::log2(error / error_of_twice_the_steps);
}

TEST_CASE("each solver converges with its order", "[registry]") {
  for (const Method& row : kSolvers) {
    CAPTURE(row.tableau->name);
    if (row.double_only && sizeof(real) < 8) continue;
    const Index n = row.steps;
    const auto near = [&](double measured) {
      return std::abs(measured - row.tableau->order) < 0.15;
    };
    CHECK(near(order(swing_error(row, n), swing_error(row, 2 * n))));
    count("measured order", row);
    CHECK(near(order(circle_error(row, 0, 1.5, 2 * n), circle_error(row, 0, 1.5, 4 * n))));
    count("measured order, coordinates that turn", row);
    CHECK(near(order(circle_error(row, 1.5, 0, 2 * n), circle_error(row, 1.5, 0, 4 * n))));
    count("measured order, back in time", row);
  }
}

TEST_CASE("every solver of flows/ode/tableau.h has a row in the table", "[registry]") {
  std::ifstream file(GRADFLOW_FLOWS_DIRECTORY "/ode/tableau.h");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::regex definition(R"(inline const Tableau (\w+))");
  std::set<std::string> declared, tested;
  for (std::sregex_iterator found(text.begin(), text.end(), definition), end; found != end; ++found)
    declared.insert((*found)[1]);
  for (const Method& row : kSolvers) tested.insert(row.tableau->name);
  CHECK(declared.size() >= 5);
  CHECK(tested == declared);
}

TEST_CASE("tables of solvers are of one size, explicit and consistent", "[registry]") {
  for (const Method& row : kSolvers) {
    const Tableau& table = *row.tableau;
    CAPTURE(table.name);
    const std::size_t stages = table.nodes.size();
    REQUIRE(table.rows.size() == stages);
    REQUIRE(table.weights.size() == stages);
    CHECK((table.error_weights.empty() || table.error_weights.size() == stages));
    double weights = 0;
    for (const double b : table.weights) weights += b;
    CHECK(weights == Approx(1).epsilon(1e-15));
    for (std::size_t i = 0; i < stages; ++i) {
      CHECK(table.rows[i].size() <= i);
      CHECK(table.nodes[i] >= 0);
      CHECK(table.nodes[i] <= 1);
      double c = 0;
      for (const double a : table.rows[i]) c += a;
      if (&table != &euler_right_end)  // whose clock is ahead of its place, as is said there
        CHECK(c == Approx(table.nodes[i]).margin(1e-15));
    }
    count("table", row);
  }
}

// dy/dt = t: the sum of the times at which the velocity was asked for, over their number.
real area(const Tableau& tableau, const Span& span, Index steps) {
  const Field clock = [](const Var& y, const Var& t) { return broadcast_to(t, y.shape()); };
  return integrate(clock, zeros({1, 1}), span, tableau, {steps}).item();
}

TEST_CASE("Euler looks at the beginning of a step, euler_right_end at its end") {
  for (const Index n : {1, 2, 3, 10, 100}) {
    CAPTURE(n);
    const double steps = double(n), roundings = 2 * steps + 2;
    CHECK(close(area(euler, {0, 1}, n), (steps - 1) / (2 * steps), roundings, 1));
    CHECK(close(area(euler_right_end, {0, 1}, n), (steps + 1) / (2 * steps), roundings, 1));
    for (const Tableau* table : {&midpoint, &heun, &runge_kutta4}) {
      CHECK(close(area(*table, {0, 1}, n), 0.5, 2 * roundings, 1));
      CHECK(close(area(*table, {1, 0}, n), -0.5, 2 * roundings, 1));
    }
    // Back in time the beginning of a step is its later end.
    CHECK(close(area(euler, {1, 0}, n), -(steps + 1) / (2 * steps), roundings, 1));
    CHECK(close(area(euler_right_end, {1, 0}, n), -(steps - 1) / (2 * steps), roundings, 1));
  }
}

// The times at which a solver asks for the velocity.
std::vector<real> times_of(const Span& span, const Tableau& tableau, Index steps) {
  std::vector<real> times;
  bool same = true;  // for all points
  const Field recording = [&](const Var& y, const Var& t) {
    same &= t.shape() == Shape{2, 1} && t.value().data()[0] == t.value().data()[1];
    times.push_back(t.value().data()[0]);
    return zeros(y.shape());
  };
  integrate(recording, zeros({2, 3}), span, tableau, {steps});
  CHECK(same);
  return times;
}

TEST_CASE("the velocity is asked for at whole steps of the span, no more and no fewer") {
  CHECK(times_of({0, 1}, euler, 4) == std::vector<real>{0, 0.25, 0.5, 0.75});
  CHECK(times_of({0, 1}, euler_right_end, 4) == std::vector<real>{0.25, 0.5, 0.75, 1});
  CHECK(times_of({1, 0}, euler, 4) == std::vector<real>{1, 0.75, 0.5, 0.25});
  CHECK(times_of({0, 1}, midpoint, 2) == std::vector<real>{0, 0.25, 0.5, 0.75});
  CHECK(times_of({0, 1}, heun, 2) == std::vector<real>{0, 0.5, 0.5, 1});
  CHECK(times_of({0, 1}, runge_kutta4, 1) == std::vector<real>{0, 0.5, 0.5, 1});
  CHECK(times_of({0.5, 2.5}, euler, 2) == std::vector<real>{0.5, 1.5});
  // Steps that are no binary fractions do not add up to one too many.
  for (const Index n : {3, 10, 1000}) {
    const std::vector<real> seen = times_of({0, 1}, euler, n);
    CHECK(std::ssize(seen) == n);
    CHECK(seen.back() == real(double(n - 1) / double(n)));
    CHECK(times_of({1, 0}, euler, n).back() ==
          Approx(1.0 / double(n)).epsilon(10 * kEps * double(n)));
  }
}

TEST_CASE("the clock never leaves the span, and its last look is at the end", "[registry][slow]") {
  for (const Method& row : kSolvers) {
    CAPTURE(row.tableau->name);
    bool within = true, ends = true, begins = true;
    // In the later ones from + (to - from) is not `to`, in double or in float.
    for (const Span& span : {Span{0, 1},
                             {1, 0},
                             {0.1, 0.7},
                             {-1. / 3, 1e-3},
                             {0.9, 0.1},
                             {2.3, 0.2},
                             {5.7, 1e-10},
                             {0.1, 1e-20}})
      for (Index steps = 1; steps <= 200; ++steps) {
        const std::vector<real> times = times_of(span, *row.tableau, steps);
        const real from = real(span.from), to = real(span.to);
        for (const real t : times) within &= std::min(from, to) <= t && t <= std::max(from, to);
        if (row.tableau->nodes.front() == 0) begins &= times.front() == from;
        if (row.tableau->nodes.back() == 1) ends &= times.back() == to;
      }
    CHECK(within);
    CHECK(begins);
    CHECK(ends);
    count("clock within the span", row);
  }
  // dy/dt = -sqrt(t) has no value just beside its span.
  const Field root = [](const Var& y, const Var& t) { return -sqrt(t) * ones(y.shape()); };
  for (Index steps = 1; steps <= 1000; ++steps) {
    const real end = integrate(root, zeros({1, 1}), {1, 0}, runge_kutta4, {steps}).item();
    CHECK(end == Approx(2. / 3).margin(0.4 / double(steps)));
    if (steps == 10) CHECK(end == Approx(0.66576).margin(1e-5));  // by Simpson's rule
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
  CHECK(steps_of_size(1e-9) == 1'000'000'000);
  CHECK(message_of<ShapeError>([] { steps_of_size(0); }) ==
        "steps_of_size: dt 0 given; from 1e-9 to 1");
  CHECK(message_of<ShapeError>([] { steps_of_size(1e-300); }) ==
        "steps_of_size: dt 1e-300 given; from 1e-9 to 1");
  for (const double dt : {-0.1, 1.5, 1e-10, 5e-324, std::nan(""), HUGE_VAL, -HUGE_VAL})
    CHECK_THROWS_AS(steps_of_size(dt), ShapeError);
}

TEST_CASE("back in time a solver undoes what it did, up to its error") {
  const Tensor start({{1, -2}, {0.5, 3}});
  const auto round_trip = [&](const Tableau& tableau, Index steps) {
    const Var there = integrate(kSwing, start, {0, 1}, tableau, {steps});
    const Tensor back = integrate(kSwing, there, {1, 0}, tableau, {steps}).value();
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
  for (const Method& row : kSolvers) {
    CAPTURE(row.tableau->name);
    const auto states = trajectory(kSwing, start, {0, 1}, *row.tableau, {5});
    REQUIRE(states.size() == 6);
    CHECK(difference(states.front(), start) == "");
    CHECK(difference(states.back(), integrate(kSwing, start, {0, 1}, *row.tableau, {5}).value()) ==
          "");
    Var y = start;
    for (std::size_t k = 0; k < 5; ++k) {  // a step is a solve of one
      y = integrate(kSwing, y, {double(k) / 5, double(k + 1) / 5}, *row.tableau, {1});
      CHECK(difference(states[k + 1], reference(y.value()), 8, 4) == "");
    }
    CHECK(difference(start, Tensor({{1, -2}, {0.5, 3}})) == "");  // the given points are kept
    count("trajectory", row);
  }
}

TEST_CASE("gradients go through a solve: by the points and by what the field is made of",
          "[registry]") {
  Rng rng(3);
  for (const Method& row : kSolvers)
    for (const Span& span : {Span{0, 1}, {1, 0}}) {
      CAPTURE(row.tableau->name, span.from);
      const Tensor y = rng.normal({3, 2}), A = rng.normal({2, 2});
      const Function end = [&](const std::vector<Var>& in) {
        const Field field = [&](const Var& state, const Var& t) {
          return tanh(matmul(state, in[1]) + t);
        };
        return integrate(field, in[0], span, *row.tableau, {4});
      };
      const GradcheckResult first = gradcheck(end, {y, A});
      INFO(first.report);
      CHECK(first.passed);
      CHECK(gradgradcheck(end, {y, A}).passed);
      count("gradcheck through a solve", row);
    }
}

TEST_CASE("a solve keeps the points that it was given, with a tape and without", "[registry]") {
  for (const Method& row : kSolvers) {
    const Tensor start({{1, -2}, {0.5, 3}});
    const Tensor plain = integrate(kSwing, start, {0, 1}, *row.tableau, {5}).value();
    Tape tape;
    const Var y = tape.variable(start);
    const Var end = integrate(kSwing, y, {0, 1}, *row.tableau, {5});
    CHECK(difference(end, plain) == "");
    CHECK(difference(y, Tensor({{1, -2}, {0.5, 3}})) == "");
    // dy/dt = y cos(t) is linear: the gradient is the factor by which it grows.
    const Tensor factor = tape.backward(sum(end))[y].value();
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(close(factor.values()[i], double{plain.values()[i]} / start.values()[i], 40));
    count("recorded and plain", row);
  }
}

TEST_CASE("solves that make no sense are refused") {
  const Tensor y = ones({1, 1});
  const auto message = [&](const Var& at, const Span& span, Index steps) {
    return message_of<ShapeError>([&] { integrate(kSwing, at, span, euler, {steps}); });
  };
  CHECK(Fixed{}.steps == 1000);
  CHECK(message(y, {0, 1}, 0) == "integrate: 0 steps given; at least 1");
  CHECK(message(y, {0, 1}, -1) == "integrate: -1 steps given; at least 1");
  CHECK_THROWS_AS(trajectory(kSwing, y, {0, 1}, euler, {-1}), ShapeError);
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 2, 2}})
    CHECK(message(ones(shape), {0, 1}, 5) ==
          fmt::format("integrate: y {} given; (B, D) is required", shape));
  CHECK(message(y, {0, HUGE_VAL}, 5) == "integrate: a span from 0 to inf given; finite ones");
  CHECK_THROWS_AS(integrate(kSwing, y, {std::nan(""), 1}, euler, {5}), ShapeError);
  CHECK_THROWS_AS(integrate(kSwing, y, {-1e308, 1e308}, euler, {5}), ShapeError);
  for (const Tableau& wrong : {Tableau{}, Tableau{.name = "one weight too many",
                                          .order = 1,
                                          .nodes = {0},
                                          .rows = {{}},
                                          .weights = {0.5, 0.5}}})
    CHECK(message_of<ShapeError>([&] {
            integrate(kSwing, y, {0, 1}, wrong, {5});
          }) ==
          fmt::format("integrate: a tableau of {} nodes, {} rows and {} weights given; as many of "
                      "each, at least 1",
                      wrong.nodes.size(), wrong.rows.size(), wrong.weights.size()));
  const Field narrow = [](const Var& state, const Var&) { return sum(state, 1, KeepAxis::yes); };
  CHECK(message_of<ShapeError>([&] {
          integrate(narrow, ones({3, 2}), {0, 1}, euler, {5});
        }) ==
        "integrate: a field that gives (3, 1) for y (3, 2) given; the same shape is required");
}

}  // namespace
}  // namespace gradflow
