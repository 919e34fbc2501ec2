// Solvers for dy/dt = v(y, t): how a velocity field carries points along.
//
// A solver is a function that makes one step; `integrate` repeats it. Time may run backwards: from
// 1 to 0 the step dt is negative, and the same solver undoes what it did, up to its error.
//
// To add a solver: write its step here and give it a row in the table of tests/tables/test_ode.cpp, which
// measures its order.
#pragma once

#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

using Velocity = std::function<Tensor(const Tensor& y, real t)>;  // (B, D), t -> (B, D)

// One step from y at t to t + dt.
using Solver = Tensor (*)(const Velocity& v, const Tensor& y, real t, real dt);
Tensor euler(const Velocity& v, const Tensor& y, real t,
             real dt);  // order 1: v at the step's start
// Order 1, with the clock at the step's end: v(y, t + dt). Not a method one would choose; a
// published figure of these models was made with it.
Tensor euler_right_end(const Velocity& v, const Tensor& y, real t, real dt);
Tensor midpoint(const Velocity& v, const Tensor& y, real t, real dt);  // order 2, two evaluations
Tensor runge_kutta4(const Velocity& v, const Tensor& y, real t, real dt);  // order 4, four

struct TimeSpan {      // from where to where, in how many steps
  double from = 0;     // t = 0 is noise
  double to = 1;       // t = 1 is data
  Index steps = 1000;  // of equal size
  // The size of a step, negative if time runs backwards.
  double dt() const { return (to - from) / static_cast<double>(steps); }
  // t at the beginning of a step, counted from 0.
  double time(Index step) const { return from + static_cast<double>(step) * dt(); }
};

// The number of steps of size dt from 0 to 1, rounded: 3 for dt = 1/3. Throws ShapeError unless
// 0 < dt <= 1.
Index steps_of_size(double dt);

// y at the end. Throws ShapeError for less than one step.
Tensor integrate(const Velocity& v, const Tensor& y, const TimeSpan& span, Solver solver = euler);
// y at the beginning and after every step: span.steps + 1 tensors.
std::vector<Tensor> trajectory(const Velocity& v, const Tensor& y, const TimeSpan& span,
                               Solver solver = euler);

}  // namespace gradflow
