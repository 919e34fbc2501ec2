// What one would try before a flow, on points of the plane: the best Gaussian, a mixture of
// Gaussians, a kernel density.
//
// The one idea: a flow that does not beat these was not worth training. Each takes points (N, 2),
// best standardised, and keeps the last tenth of them apart where it has to choose something.
//
// Read next: mixture.h, how a mixture is found; truth.h.
#pragma once

#include "experiments/metrics/density_model.h"

namespace gradflow {

// Of the mean and the covariance of all points, each variance 1e-6 larger: the likeliest one.
DensityModel best_gaussian(const Tensor& points);
// As many parts, of 2, 4, 8, ... 64, as make the points kept apart likeliest.
DensityModel best_mixture(const Tensor& points, const Rng& rng);
// A round Gaussian on each of the first 10 000 points, as wide as makes those kept apart likeliest.
// (In the plane it is a Spread, which looks at the near ones only; kernel_density.h has any number
// of coordinates.)
DensityModel kernel_density(const Tensor& points);

}  // namespace gradflow
