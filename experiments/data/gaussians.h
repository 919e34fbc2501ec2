// Data sets of equal Gaussians: what a flow finds hard, since it cannot tear (blurred.h).
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

// Around eight places on a circle; the class is the place's, from (radius, 0) anticlockwise.
DataSet eight_gaussians(double radius, double noise);
// 20 x 20 places, 5/19 apart, as a square on its corner, noise 0.04: "diamond" of Durkan et al.,
// Neural Spline Flows (2019).
DataSet diamond();

}  // namespace gradflow
