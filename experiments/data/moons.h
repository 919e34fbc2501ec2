// Two moons: the smallest data set that no straight line can part. What the ladder learns.
//
//   upper moon (label 0):  (cos a, sin a)               a ~ U(0, pi), and to each coordinate
//   lower moon (label 1):  (1 - cos a, 1/2 - sin a)     N(0, noise^2) is added
//
// Their density is one integral along each arc (spread.h), so that a flow can be told how good it
// could get.
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

inline constexpr double kMoonNoise = 0.1;  // the usual noise

// As many points (n, 2) of each moon, the labels in turn 0, 1, 0, 1, ...
Data sample_moons(Index n, Rng& rng, double noise = kMoonNoise);

DataSet moons(double noise = kMoonNoise);

// The distance from a point to the nearer of the two arcs; and the share of points (N, 2) that are
// within `tolerance` of one. Of the data 95.4 % are within 2 kMoonNoise, or a little more, as the
// arcs bend.
double distance_to_moons(double x, double y);
double share_on_moons(const Tensor& points, double tolerance = 2 * kMoonNoise);

}  // namespace gradflow
