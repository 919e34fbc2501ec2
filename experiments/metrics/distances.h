// Distances between two samples: of what a model makes, and of the data.
//
// The one idea: two samples of the truth itself are not at distance 0. With a thousand points each
// the Wasserstein distance of the data to itself is as large as that of many published models,
// because it counts by chance more points here and fewer there. So a distance is only worth
// something beside its floor: the same distance between two true samples of the same size.
//
// Read next: flows/matching/assignment.h.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "tensor/random.h"

namespace gradflow {

// All take two samples (n, D) and (m, D), at least one point each, and throw ShapeError for others.

// The Wasserstein distances, exactly, by assignment, of samples of one size: W1 = min mean |a - b|,
// W2 = sqrt(min mean |a - b|^2). The costs take 8 n^2 bytes.
double wasserstein_1(const Tensor& a, const Tensor& b);
double wasserstein_2(const Tensor& a, const Tensor& b);
// W2 of the projections on a line, the root of the mean square over directions; of samples of one
// size. In the plane they are evenly spaced, else drawn from a generator of their own.
double sliced_wasserstein_2(const Tensor& a, const Tensor& b, Index directions = 180);
// 2 E|a - b| - E|a - a'| - E|b - b'|, over pairs of different points: unbiased, so that it may be
// below 0. At least two points each.
double energy_distance(const Tensor& a, const Tensor& b);
// The squared maximum mean discrepancy, with the sum of Gaussian kernels exp(-d^2 / (2 s^2)) of
// deviations .01, .1, 1, 10, 100, over all pairs, a point with itself included.
double mmd_squared(const Tensor& a, const Tensor& b);

// |path energy - W2^2| / W2^2 (path_energy in flows/matching/reflow.h): 0 for optimal transport.
// Throws ShapeError unless w2_squared > 0.
double normalised_path_energy(double energy, double w2_squared);

// Where a quantity lies with some confidence, in its own units.
struct ConfidenceInterval {
  double low, high;
};
// Where the median of repeated measurements (of several seeds) lies, with this confidence: the
// quantiles of the medians of resamples, drawn with replacement. Throws ShapeError for no values,
// no resamples, and a confidence that is not between 0 and 1.
ConfidenceInterval bootstrap_median(std::span<const double> values, Rng& rng,
                                    Index resamples = 1000, double confidence = 0.95);
double median(std::vector<double> values);  // throws ShapeError for none

}  // namespace gradflow
