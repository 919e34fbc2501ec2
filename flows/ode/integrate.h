// integrate: how a field carries points along, dy/dt = field(y, t).
//
// The one idea: a field is a function of Vars. Without a tape a solve is plain arithmetic; with
// one, every operation of every step is recorded, and a gradient goes through the whole solve like
// through any other function.
//
// Time may run backwards: from 1 to 0 the step is negative, and the same method undoes what it did,
// up to its error. Time is counted in double and never leaves the span; the last step ends at its
// end exactly.
//
// Read next: integrate.cpp; continuous.h, matching/velocity.h.
#pragma once

#include <functional>

#include "autograd/ops.h"
#include "flows/ode/tableau.h"

namespace gradflow {

// y (B, D), t (B, 1) -> dy/dt (B, D)
using Field = std::function<Var(const Var& y, const Var& t)>;

struct Span {               // of time; in these models noise is at 0, data at 1
  double from = 0, to = 1;  // where it begins and ends
};

struct Fixed {         // steps of one size
  Index steps = 1000;  // how many
};

// The number of steps of size dt from 0 to 1, rounded: 3 for dt = 1/3. Throws ShapeError unless dt
// is from 1e-9 to 1.
Index steps_of_size(double dt);

// y at the end of the span: (B, D). Throws ShapeError for another y or field, for less than one
// step, and for a span that is not finite.
Var integrate(const Field& field, const Var& y, const Span& span, const Tableau& tableau,
              const Fixed& fixed);
// y at the beginning and after every step: fixed.steps + 1 of them.
std::vector<Var> trajectory(const Field& field, const Var& y, const Span& span,
                            const Tableau& tableau, const Fixed& fixed);

}  // namespace gradflow
