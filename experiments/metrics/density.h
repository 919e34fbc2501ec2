// Densities on a grid: of the data, which is known exactly, and of the two models, which both have
// one that can be computed.
//
// The one idea: a model that carries noise to data by an invertible map knows how much it squeezes
// the space around each point, and so the density of what it makes. The normalizing flow gets that
// factor from its layers. For a velocity field it is the divergence, gathered along the path that
// ends in the point:
//   log p_1(y_1) = log N(y_0; 0, I) - integral over t from 0 to 1 of div v(y_t, t)
//   Chen et al., "Neural ordinary differential equations" (2018), theorem 1.
//
// Read next: explain.cpp, which draws them.
#pragma once

#include <functional>
#include <vector>

#include "experiments/data/rings.h"
#include "experiments/metrics/plane.h"
#include "flows/flow_matching.h"

namespace gradflow {

// log p of each point (B, 2) that the velocity field makes at t = 1: shape (B, 1).
Tensor log_density(const FlowMatching& model, const Tensor& y, Index steps);

// A square grid of `cells` x `cells` over `limits`.
struct DensityGrid {
  Limits limits;
  Index cells = 200;

  double cell_area() const;
  Tensor row(Index i) const;  // the middles of a row's cells: (cells, 2)
};

// Row by row, the lowest first; rows are computed on all threads.
using LogDensity = std::function<Tensor(const Tensor& points)>;  // (B, 2) -> B numbers
std::vector<double> density_on(const DensityGrid& grid, const LogDensity& log_p);
// Of sample_rings(), after normalisation, as the mean over each cell.
std::vector<double> exact_density_on(const DensityGrid& grid, const Normalization& normalization);

double mass(const DensityGrid& grid, const std::vector<double>& density);  // 1 if it has it all
// - integral of p log q: the negative log-likelihood, in nats, of points from p under q.
double cross_entropy(const DensityGrid& grid, const std::vector<double>& p,
                     const std::vector<double>& q);

}  // namespace gradflow
