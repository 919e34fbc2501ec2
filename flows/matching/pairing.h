// Pairing: which noise point leads to which data point.
//
// The one idea: any pairing of noise and data gives paths that begin as noise and end as data.
// Drawn independently they cross; one that joins what is near has straighter paths (optimal
// transport), so that a solver needs fewer steps.
//   Tong et al., "Improving and generalizing flow-based generative models" (2024), section 3.2.
//
// A batch is paired within itself, each of its shards on the thread that computes it. The exact
// pairing is a permutation: every noise point and every data point appears once, and the data keeps
// its order, and so its labels.
//
// Read next: assignment.h, sinkhorn.h.
#pragma once

#include <functional>
#include <span>

#include "nn/data.h"

namespace gradflow {

// y_0 (B, D) and the batch -> the rows of y_0 in another order: row i goes with the batch's row i.
using Pairing = std::function<Tensor(const Tensor& y_0, const Data& batch, Rng& rng)>;

// As they were drawn.
inline Tensor independent(const Tensor& y_0, const Data&, Rng&) { return y_0; }

// So that the sum of the squared distances is the smallest. The labels play no part: a class's
// noise is then no longer N(0, I), and a model that is told the class would learn from noise that
// it does not get when it is used; hence the next two.
Tensor optimal(const Tensor& y_0, const Data& batch, Rng& rng);

// The same inside each class. Row i of y_0 belongs to the class of the batch's row i. Throws
// ShapeError unless there is a label for each point.
//   Cheng and Schwing, "The curse of conditions" (2025), with classes: C2OT.
Tensor optimal_within_classes(const Tensor& y_0, const Data& batch, Rng& rng);

// For conditions that are numbers (B, C): row i of y_0 carries the condition of row i, and a pair
// of different conditions costs w |c_i - c_j|^2 more. A pairing by other conditions is wanted in
// about the share `ratio` of all pairs: condition_weight() finds the w for that.
Pairing optimal_near_conditions(std::function<Tensor(const Data&)> conditions, double ratio = 0.01);
// w such that the share of pairs (i, j) with costs_ij + w apart_ij <= costs_jj is `ratio`, to a
// thousandth; 0 if it is less without. n x n numbers each, row by row.
double condition_weight(std::span<const double> costs, std::span<const double> apart, Index n,
                        double ratio);

// Drawn, for each data point, from its column of the blurred plan (sinkhorn.h) with epsilon =
// 2 sigma^2: what a Brownian bridge of deviation sigma would do. A noise point may be drawn twice.
// Throws ShapeError unless sigma > 0.
Pairing entropic(double sigma);

// What the pairing makes of noise N(0, I) for the batch's points (B, D): (B, D). Throws ShapeError,
// naming `op`, for points of another shape.
inline Tensor noise_for(const char* op, const Data& batch, Rng& rng, const Pairing& pairing) {
  const Shape& shape = batch.points.shape();
  require(shape.rank() == 2, "{}: points {} given; (B, D) are required", op, shape);
  return pairing(rng.normal(shape), batch, rng);
}

}  // namespace gradflow
