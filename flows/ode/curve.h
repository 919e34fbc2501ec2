// Curve: a solve that can be asked for any time on the way ("dense output").
//
// The one idea: what a step has seen is enough for a polynomial of fourth degree through its two
// ends, with their slopes, and a place in the middle that a third set of weights gives. It costs no
// further look at the field, and is as good as the steps themselves.
//   Shampine, "Some practical Runge-Kutta formulas" (1986).
//
// Read next: integrate.h, which makes it.
#pragma once

#include "flows/ode/step.h"
#include "flows/ode/steps.h"

namespace gradflow {

struct Effort {                      // what a solve has cost
  Index evaluations = 0;             // of the field, those for the first step's size included
  Index accepted = 0, rejected = 0;  // steps
  Index forced = 0;  // of the accepted: too wrong, but as short as steps are allowed to be
};

class Curve {
 public:
  struct Piece {      // a step: its times, and what happened at both ends and in the middle
    double from, to;  // times
    Var y_0, y_1;     // (B, D): the places at its ends
    Var middle;       // (B, D): and in the middle
    Var k_0, k_1;     // (B, D): the slopes at its ends
  };
  // Of steps each of which begins where the one before has ended.
  Curve(std::vector<Piece> pieces, const Effort& effort);

  // (B, D), exact at the ends of the steps. Throws ShapeError for a time outside the span.
  Var at(double t) const;
  const Effort& effort() const { return effort_; }  // of the whole solve

 private:
  std::vector<Piece> pieces_;
  Effort effort_;
};

}  // namespace gradflow
