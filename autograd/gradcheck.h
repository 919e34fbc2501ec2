// gradcheck: is a derivative right? Compare it with what moving the inputs a little really does.
//
// The one idea: the central difference (f(x + h) - f(x - h)) / 2h needs no rule of calculus, only
// f itself, and in double precision it is good to about ten digits. So every rule is checked
// against it, for every element of every input.
//
// Two details matter. The result of f is contracted with fixed random weights, not summed: a sum
// cannot see errors that cancel, nor a permutation. And the step is h = cbrt(eps) max(1, |x|),
// where the error of the formula (h^2) and of rounding (eps / h) are in balance.
//
// Of a fused operation (record.h) gradcheck sees the rule and gradgradcheck the composed form: that
// they mean the same is for a test to show (tests/tables/test_ops.cpp).
//
// Read next: gradcheck.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/tape.h"

namespace gradflow {

struct GradcheckOptions {  // how strict, and with which random numbers
  // Allowed |difference| / max(1, |numeric|). The default fits the precision of `real`.
  double tolerance = sizeof(real) == 8 ? 1e-6 : 2e-2;
  std::uint64_t seed = 1;  // of the weights
};

struct GradcheckResult {  // what was found
  bool passed = true;     // whether `worst` is within the tolerance
  double worst = 0;       // the largest error found, as measured above
  std::string report;     // where it was: input, element, both values
};

// What is checked: from inputs to a result of any shape.
using Function = std::function<Var(const std::vector<Var>&)>;

// Checks the gradient of f with respect to all inputs, at these values. f must be smooth there and
// must depend on nothing but its inputs. A NaN on either side does not pass.
GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});
// The same for an f that depends on parameters, too: with respect to them as well. They are moved
// on the way and have their numbers back at the end.
GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs, Weights& weights,
                          const GradcheckOptions& options = {});

// The same for the second derivative: checks, as a function of the inputs (and of the weights), the
// recorded gradient of f contracted with random weights.
GradcheckResult gradgradcheck(const Function& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options = {});
GradcheckResult gradgradcheck(const Function& f, const std::vector<Tensor>& inputs,
                              Weights& weights, const GradcheckOptions& options = {});

}  // namespace gradflow
