// Step sizes: how a solver finds those that its error allows.
//
// The one idea: a method whose stages make two results, of different order, knows from their
// difference how wrong a step is, and so how much longer or shorter it should have been: the error
// of a step of size h grows as h^order. A step that is too wrong is thrown away.
//   Hairer, Norsett, Wanner, "Solving ordinary differential equations I" (1993), section II.4.
//
// All points of a batch take the same steps, and the worst of them decides: in a mean over the
// batch a single bad point would be hidden among many good ones.
//
// Read next: integrate.cpp.
#pragma once

#include "flows/ode/step.h"
#include "flows/ode/steps.h"

namespace gradflow {

// How large e (B, D) is where y goes to y_1 (B, D), in units of what is allowed: 1 is just allowed.
// The root mean square over each row's coordinates; then the largest row's; NaN if one is.
double largest_row_error(const Tensor& e, const Tensor& y, const Tensor& y_1,
                         const Adaptive& allowed);

// The size of a first step of this span, at most all of it, for a method of this order: such that
// an explicit Euler step would be wrong by a hundredth of what is allowed. k = field(y, span.from).
// It asks the field once. (Hairer, Norsett, Wanner, section II.4, "starting step size".)
double first_step(Asked& field, const Var& y, const Var& k, const Span& span, int order,
                  const Adaptive& allowed);

// The factor from the size of a step with this error to the next one's: .9 error^(-1/order), which
// is the right one and a little less; not under .2, not above 10. Not under 1 after a step that was
// good enough, and not above 1 where `growing` is false.
double size_factor(double error, int order, bool growing);

}  // namespace gradflow
