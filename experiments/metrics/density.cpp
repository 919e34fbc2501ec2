#include "experiments/metrics/density.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "flows/normal.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

// (B, 2), t -> (B, 3): the velocity and, beside it, its divergence dv_0/dy_0 + dv_1/dy_1.
//
// The samples of a batch do not depend on each other, so the derivative of the *sum* of v_i over
// the batch with respect to the y_i of one sample is the dv_i/dy_i of that sample: one backward
// pass for each coordinate gives it for the whole batch, exactly.
Tensor velocity_and_divergence(const FlowMatching& model, const Tensor& points, real t) {
  Tape tape;
  const Var y = tape.variable(points);
  const Var v = model.velocity(y, Tensor({points.rows(), 1}, t));
  Tensor divergence = zeros({points.rows(), 1});
  for (const Index i : {0, 1}) {
    const Tensor one_hot({{i == 0 ? real(1) : real(0), i == 1 ? real(1) : real(0)}});
    const Gradients gradients = tape.backward(v, broadcast_to(one_hot, v.shape()));
    kernel::add_in_place(divergence, kernel::slice(gradients[y].value(), 1, i, i + 1));
  }
  return kernel::concat(std::vector<Tensor>{v.value(), divergence}, 1);
}

Interval cell(const Interval& range, Index i, Index cells) {
  const double size = (range.high - range.low) / static_cast<double>(cells);
  return {range.low + static_cast<double>(i) * size, range.low + static_cast<double>(i + 1) * size};
}

bool in_the_data(double x, double y) {  // raw; the box is that of sample_rings
  return x > -1 && x < 5 && y > -2 && y < 1 && distance_to_band(x, y) == 0;
}

// The part of a cell that lies on the rings, by a look at 6 x 6 places.
double share_on_the_data(const Interval& x, const Interval& y, const Normalization& normalization) {
  constexpr int kPlaces = 6;
  int inside = 0;
  for (int i = 0; i < kPlaces; ++i)
    for (int j = 0; j < kPlaces; ++j) {
      const double a = (i + 0.5) / kPlaces, b = (j + 0.5) / kPlaces;
      inside += in_the_data(
          normalization.mean[0] + normalization.stddev[0] * (x.low + a * (x.high - x.low)),
          normalization.mean[1] + normalization.stddev[1] * (y.low + b * (y.high - y.low)));
    }
  return inside / static_cast<double>(kPlaces * kPlaces);
}

}  // namespace

// The divergence is gathered as a third coordinate of what the solver carries, from t = 1 to 0.
Tensor log_density(const FlowMatching& model, const Tensor& y, Index steps) {
  const Velocity field = [&model](const Tensor& state, real t) {
    return velocity_and_divergence(model, kernel::slice(state, 1, 0, 2), t);
  };
  const Tensor start = kernel::concat(std::vector<Tensor>{y, zeros({y.rows(), 1})}, 1);
  const Tensor end = integrate(field, start, {1, 0, steps}, midpoint);
  const Var log_prior = standard_normal_log_prob(slice(end, 1, 0, 2));
  return (reshape(log_prior, {y.rows(), 1}) + slice(end, 1, 2, 3)).value();
}

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

std::vector<double> exact_density_on(const DensityGrid& grid, const Normalization& normalization) {
  std::vector<double> density(static_cast<std::size_t>(grid.cells * grid.cells));
  parallel_for(grid.cells, [&](Index i) {
    for (Index k = 0; k < grid.cells; ++k)
      density[static_cast<std::size_t>(i * grid.cells + k)] = share_on_the_data(
          cell(grid.limits.x, k, grid.cells), cell(grid.limits.y, i, grid.cells), normalization);
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
