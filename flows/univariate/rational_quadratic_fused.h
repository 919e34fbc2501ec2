// The fast form of the rational-quadratic spline: loops over plain memory (plain.h). What they
// compute is written in rational_quadratic.cpp; nobody needs to read this to understand the models.
#pragma once

#include "flows/univariate/rational_quadratic.h"

namespace gradflow {

// Those of rational_quadratic().
PlainMap plain_rational_quadratic(const SplineOptions& options, Ends ends);

}  // namespace gradflow
