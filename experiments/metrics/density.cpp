#include "experiments/metrics/density.h"

#include <algorithm>
#include <cmath>

#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

Interval cell(const Interval& range, Index i, Index cells) {
  const double size = (range.high - range.low) / static_cast<double>(cells);
  return {range.low + static_cast<double>(i) * size, range.low + static_cast<double>(i + 1) * size};
}

// The part of a cell that lies on the rings, by a look at 6 x 6 places.
double share_on_the_data(const Interval& x, const Interval& y, const Standardize& units) {
  constexpr int kPlaces = 6;
  const auto raw = [&units](const Interval& range, double share, Index axis) {
    return units.mean().at({axis}) +
           units.deviation().at({axis}) * (range.low + share * (range.high - range.low));
  };
  int inside = 0;
  for (int i = 0; i < kPlaces; ++i)
    for (int j = 0; j < kPlaces; ++j)
      inside += rings_density(raw(x, (i + 0.5) / kPlaces, 0), raw(y, (j + 0.5) / kPlaces, 1)) > 0;
  return inside / static_cast<double>(kPlaces * kPlaces);
}

}  // namespace

double DensityGrid::cell_area() const {
  const double n = static_cast<double>(cells);
  return (limits.x.high - limits.x.low) * (limits.y.high - limits.y.low) / (n * n);
}

Tensor DensityGrid::row(Index i) const {
  const auto middle = [](const Interval& range) {
    return static_cast<real>((range.low + range.high) / 2);
  };
  Tensor points({cells, 2});
  real* out = points.mutable_data();
  for (Index k = 0; k < cells; ++k) {
    out[2 * k] = middle(cell(limits.x, k, cells));
    out[2 * k + 1] = middle(cell(limits.y, i, cells));
  }
  return points;
}

std::vector<double> density_on(const DensityGrid& grid, const LogDensity& log_p) {
  std::vector<double> density(static_cast<std::size_t>(grid.cells * grid.cells));
  parallel_for(grid.cells, [&](Index i) {
    const Tensor values = log_p(grid.row(i));
    for (Index k = 0; k < grid.cells; ++k)
      density[static_cast<std::size_t>(i * grid.cells + k)] =
          std::exp(static_cast<double>(values.data()[k]));
  });
  return density;
}

std::vector<double> exact_density_on(const DensityGrid& grid, const Standardize& units) {
  std::vector<double> density(static_cast<std::size_t>(grid.cells * grid.cells));
  parallel_for(grid.cells, [&](Index i) {
    for (Index k = 0; k < grid.cells; ++k)
      density[static_cast<std::size_t>(i * grid.cells + k)] = share_on_the_data(
          cell(grid.limits.x, k, grid.cells), cell(grid.limits.y, i, grid.cells), units);
  });
  const double whole = mass(grid, density);  // it is uniform: whatever it is, it is this much of 1
  for (double& value : density) value /= whole;
  return density;
}

double mass(const DensityGrid& grid, const std::vector<double>& density) {
  double sum = 0;
  for (const double value : density) sum += value;
  return sum * grid.cell_area();
}

double cross_entropy(const DensityGrid& grid, const std::vector<double>& p,
                     const std::vector<double>& q) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) sum -= p[i] * std::log(q[i]);
  return sum * grid.cell_area();
}

}  // namespace gradflow
