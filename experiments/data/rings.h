// The data of all experiments: points on the five Olympic rings.
//
// There are two ways to draw them, and they give different distributions:
//  - sample_rings: uniform on the union of the rings, by rejection from a box. The box is a little
//    smaller than the rings' extent, so their outermost edges are cut flat. No labels.
//  - sample_rings_by_class: the same number from each ring, its radius and angle uniform. Labels.
//
// Models are trained on standardised points: mean 0 and standard deviation 1 on each axis. The
// rings then look like ellipses.
#pragma once

#include <array>
#include <string>

#include "experiments/data/data_set.h"

namespace gradflow {

struct Ring {        // around its centre, from kInnerRadius to kOuterRadius
  const char* name;  // that of its colour on the flag
  double x, y;       // of its centre
};
// In the order of the class ids, which is alphabetical.
inline constexpr std::array<Ring, 5> kRings{
    {{"black", 2, 0}, {"blue", 0, 0}, {"green", 3, -1}, {"red", 4, 0}, {"yellow", 1, -1}}};
inline constexpr double kInnerRadius = 0.875;
inline constexpr double kOuterRadius = 1.125;

// The lowest loss that any model can reach: entropies and conditional variances of the exact
// distributions after standardising, by quadrature.
inline constexpr double kNllFloor = 1.5614;             // nats, sample_rings
inline constexpr double kConditionalNllFloor = 0.1391;  // nats, sample_rings_by_class, labelled
inline constexpr double kFlowMatchingFloor = 1.4856;    // per element, sample_rings
inline constexpr double kConditionalFlowMatchingFloor = 0.8777;  // sample_rings_by_class, labelled

Tensor sample_rings(Index n, Rng& rng);         // (n, 2)
Data sample_rings_by_class(Index n, Rng& rng);  // n / 5 from each ring; n must be at least 5

// The same as data sets, with their exact densities.
DataSet rings();
DataSet rings_by_class();
double rings_density(double x, double y);                   // of sample_rings
double rings_by_class_density(double x, double y);          // of sample_rings_by_class
double ring_density(const Ring& ring, double x, double y);  // of its points of one class

// The distance of each raw point to the nearest band; 0 on it. `ring` < 0: of all rings, else its
// own.
double distance_to_band(double x, double y, int ring = -1);
// The share of raw points (N, 2) at most `tolerance` from a band.
double share_on_rings(const Tensor& raw_points, double tolerance = 0);
double share_on_ring(const Tensor& raw_points, int ring);

// The five points, standardised, that the report follows: three on the rings, two off them.
inline const std::array<std::array<real, 2>, 5> kFivePoints{{{-0.68536588f, 1.04613213f},
                                                             {-0.83722729f, 1.48307046f},
                                                             {0.71348099f, -0.03766172f},
                                                             {-1.44f, -1.44f},
                                                             {1.8f, 1.8f}}};
Tensor five_points();  // (5, 2)

}  // namespace gradflow
