// One step of a Runge-Kutta method, by the formula in tableau.h.
//
// Read next: integrate.cpp, which takes one after another.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "autograd/ops.h"
#include "flows/ode/tableau.h"

namespace gradflow {

// y (B, D), t (B, 1) -> dy/dt (B, D)
using Field = std::function<Var(const Var& y, const Var& t)>;

// A field as a solver asks it: at one time for all points. It counts how often, and refuses a field
// whose answer has another shape than y.
class Asked {
 public:
  explicit Asked(const Field& field) : field_(field) {}  // which must outlive it
  Var operator()(const Var& y, double t);                // y (B, D) -> dy/dt (B, D)
  Index evaluations() const { return evaluations_; }     // so far

 private:
  const Field& field_;
  Index evaluations_ = 0;
};

struct Stepped {       // where a step has led
  Var y;               // (B, D): at the end of the step
  std::vector<Var> k;  // (B, D) each: what the stages saw
};

// The step from y, of size h. The stages look at these times; the first of them saw `first`, if
// that is known already. y is moved in its own storage, if nobody else has it and nothing is
// recorded.
Stepped stepped(Asked& field, Var y, const Tableau& tableau, double h,
                const std::vector<double>& times, const std::optional<Var>& first = {});

// y + h (weights[0] k[0] + weights[1] k[1] + ...): (B, D)
Var led(Var y, const std::vector<Var>& k, const std::vector<double>& weights, double h);

}  // namespace gradflow
