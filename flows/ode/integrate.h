// integrate: how a field carries points along, dy/dt = field(y, t).
//
// The one idea: a field is a function of Vars. Without a tape a solve is plain arithmetic; with
// one, every operation of every step is recorded, and a gradient goes through the whole solve like
// through any other function.
//
//   integrate(field, y, {0, 1}, runge_kutta4, {50})                            fifty steps
//   integrate(field, y, {0, 1}, dormand_prince, Adaptive{.relative = 1e-6})    as many as it takes
//
// Time may run backwards: from 1 to 0 the step is negative, and the same method undoes what it did,
// up to its error. Time is counted in double and never leaves the span; the last step ends at its
// end exactly.
//
// Read next: integrate.cpp; adaptive.h, curve.h; ../continuous.h, ../matching/velocity.h.
#pragma once

#include "flows/ode/curve.h"
#include "flows/ode/step.h"
#include "flows/ode/steps.h"

namespace gradflow {

// The number of steps of size dt from 0 to 1, rounded: 3 for dt = 1/3. Throws ShapeError unless dt
// is from 1e-9 to 1.
Index steps_of_size(double dt);

// All that follow throw ShapeError for another y or field, for less than one step or a tolerance
// that is not above 0, for times that are not finite, and for adaptive steps of a method that has
// no estimate of its error; and, where steps are adaptive, NonFiniteError, with the time, if half a
// step still leads to what is not finite, or if they become too many.

// y at the end of the span: (B, D).
Var integrate(const Field& field, const Var& y, const Span& span, const Tableau& tableau,
              const Steps& steps);
// y at the beginning and after every step.
std::vector<Var> trajectory(const Field& field, const Var& y, const Span& span,
                            const Tableau& tableau, const Steps& steps);

struct Solution {           // what solve() returns
  std::vector<Var> states;  // (B, D): y at each of the times
  Effort effort;            // of the whole solve
};
// y at these times, at least two, upwards or downwards, from the first, where it is given. Steps
// end at each of them exactly; fixed ones are as many between each time and the next.
Solution solve(const Field& field, const Var& y, const std::vector<double>& times,
               const Tableau& tableau, const Steps& steps);
// y at all times of the span. Also throws ShapeError for a method that has no dense output.
Curve curve(const Field& field, const Var& y, const Span& span, const Tableau& tableau,
            const Steps& steps);

}  // namespace gradflow
