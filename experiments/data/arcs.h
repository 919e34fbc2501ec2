// Data sets on curves: circles, spirals and an S, each with Gaussian noise (blurred.h). Beside each
// where it is from; the numbers are theirs, so that losses can be compared.
//
// Read next: moons.h, the two arcs that everybody uses; spirals.h, two that are more than a curve.
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

// Radii 1 and `factor`: scikit-learn's make_circles.
DataSet circles(double factor, double noise);
// Radii 3, 2.25, 1.5 and 0.75, noise 0.08: "rings" of Grathwohl et al., FFJORD (2019).
DataSet concentric_rings();
// Radius 2 around (+-1, +-1), noise 0.1, so that they cross: Durkan et al., Neural Spline Flows
// (2019).
DataSet four_circles();
// (t cos t, t sin t) / 5 for t from 1.5 pi to 4.5 pi, noise 0.2: FFJORD.
DataSet swiss_roll();
// (sin t, sgn(t) (cos t - 1)) for |t| up to 1.5 pi: scikit-learn's make_s_curve, seen from the
// side.
DataSet s_curve(double noise);

}  // namespace gradflow
