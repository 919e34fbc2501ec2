// The additive map: a shift. It keeps volume.
//   Dinh, Krueger, Bengio, "NICE: non-linear independent components estimation" (2015),
//   section 3.2.
//
// z = x - t      x = z + t      log_det = 0
#pragma once

#include "flows/univariate/univariate.h"

namespace gradflow {

// By one raw number, t.
Univariate additive();

}  // namespace gradflow
