// Densities on a grid: of the data, which is known exactly, and of models. A flow has one by its
// bijection, and so has a field (flows/continuous.h).
//
// Read next: ../programs/explain.cpp, which draws them.
#pragma once

#include <functional>
#include <vector>

#include "experiments/data/plane.h"
#include "experiments/data/rings.h"
#include "flows/linear/standardize.h"

namespace gradflow {

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
// Of sample_rings(), after standardising, as the mean over each cell.
std::vector<double> exact_density_on(const DensityGrid& grid, const Standardize& units);

double mass(const DensityGrid& grid, const std::vector<double>& density);  // 1 if it has it all
// - integral of p log q: the negative log-likelihood, in nats, of points from p under q.
double cross_entropy(const DensityGrid& grid, const std::vector<double>& p,
                     const std::vector<double>& q);

}  // namespace gradflow
