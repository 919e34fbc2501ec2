// The circular spline: for angles, numbers from -pi to pi of which both ends are the same place.
//   Rezende et al., "Normalizing flows on tori and spheres" (2020), section 2.1.3.
//
// z = S(x + t), where x + t is brought back between -pi and pi by whole turns, and S is a
// rational-quadratic spline from -pi to pi whose slope is the same at both ends.
//
// The one idea: a density of angles must have no step where the circle was cut open. The slopes at
// the ends of S need not be 1, for there is no outside, but they must be equal; and the trained
// turn t lets the curve begin anywhere.
//
// All points, on both sides, are angles: other numbers are brought between -pi and pi. So its base
// is Uniform(D, -pi, pi) (base/uniform.h), not a bell.
#pragma once

#include "flows/univariate/rational_quadratic.h"

namespace gradflow {

// Raw numbers of a coordinate: those of the spline with joined ends, and "turn". The identity of
// angles where all are 0. Throws ShapeError unless there are 2 to 500 bins.
Univariate circular(Index bins = 16);

}  // namespace gradflow
