// The fast form of the rational-quadratic spline: a few loops and one operation on the tape instead
// of some fifty. A point lies on one piece of its curve, so that the other pieces need not be
// built: of 3 K raw numbers the loops read 2 K, once each. What they compute is written in
// rational_quadratic.cpp; nobody needs to read this to understand the models.
#pragma once

#include "flows/univariate/rational_quadratic.h"

namespace gradflow {

// As Univariate::fused_latent and fused_data.
Univariate::Map fused_rational_quadratic(Way way, const SplineOptions& options, Ends ends);

}  // namespace gradflow
