// Two data sets that wind: FFJORD's spirals and its pinwheel. Neither is a curve with Gaussian
// noise; both densities are exact all the same.
//
// The one idea: a density needs no formula for the inverse of its sampler. What has to be known is
// where a point can have come from: for the pinwheel these are the few roots of an equation, each
// of which counts by the Jacobian there (the rule of normalizing flows, for a map with branches).
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

// +-((-n cos n + U) / 3 + 0.1 N, (n sin n + U') / 3 + 0.1 N'), n = 3 pi sqrt(U''), U and U' uniform
// on (0, 1/2): two spirals, each as broad as the noise and a little square.
DataSet two_spirals();

// Five Gaussian arms, bent around the middle. With f = 1 + 0.3 N and g = 0.1 N',
//   x = 2 (f cos A + g sin A, -f sin A + g cos A),   A = 2 pi k / 5 + exp(f) / 4,   k = 0 ... 4
DataSet pinwheel();

}  // namespace gradflow
