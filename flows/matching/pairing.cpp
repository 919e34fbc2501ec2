#include "flows/matching/pairing.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "flows/matching/assignment.h"
#include "flows/matching/sinkhorn.h"
#include "tensor/error.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

// The rows of y_0 in the order of the columns that they go to.
Tensor ordered(const Tensor& y_0, const Assignment& best) {
  std::vector<Index> row(best.column.size());
  for (std::size_t i = 0; i < row.size(); ++i)
    row[static_cast<std::size_t>(best.column[i])] = static_cast<Index>(i);
  return kernel::gather(y_0, row);
}

}  // namespace

Tensor optimal(const Tensor& y_0, const Data& batch, Rng&) {
  return ordered(y_0, assign(squared_distances(y_0, batch.points), y_0.rows()));
}

Tensor optimal_within_classes(const Tensor& y_0, const Data& batch, Rng&) {
  require(y_0.shape() == batch.points.shape(),
          "optimal_within_classes: noise {} for points {} given; as many of each", y_0.shape(),
          batch.points.shape());
  require(std::ssize(batch.labels) == y_0.rows(),
          "optimal_within_classes: {} labels for {} points given; one for each",
          batch.labels.size(), y_0.rows());
  std::vector<Index> order(batch.labels.size());
  for (const Index label : std::set<Index>(batch.labels.begin(), batch.labels.end())) {
    std::vector<Index> own;
    for (std::size_t i = 0; i < order.size(); ++i)
      if (batch.labels[i] == label) own.push_back(static_cast<Index>(i));
    const std::vector<double> costs =
        squared_distances(kernel::gather(y_0, own), kernel::gather(batch.points, own));
    const Assignment best = assign(costs, std::ssize(own));
    for (std::size_t i = 0; i < own.size(); ++i)
      order[static_cast<std::size_t>(own[static_cast<std::size_t>(best.column[i])])] = own[i];
  }
  return kernel::gather(y_0, order);
}

double condition_weight(std::span<const double> costs, std::span<const double> apart, Index n,
                        double ratio) {
  require(n >= 0 && std::ssize(costs) == n * n && costs.size() == apart.size(),
          "condition_weight: {} costs and {} distances for {} points given; {} of each",
          costs.size(), apart.size(), n, n * n);
  const auto share = [&](double w) {
    Index count = 0;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const auto ij = static_cast<std::size_t>(i * n + j),
                   jj = static_cast<std::size_t>(j * n + j);
        count += costs[ij] + w * apart[ij] <= costs[jj];
      }
    return static_cast<double>(count) / static_cast<double>(n * n);
  };
  if (n == 0 || share(0) <= ratio) return 0;
  double low = 0, high = 1;
  while (share(high) > ratio && high < 1e8) low = std::exchange(high, 2 * high);
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2, found = share(middle);
    if (std::abs(found - ratio) < 1e-3) return middle;
    (found > ratio ? low : high) = middle;
  }
  return high;
}

Pairing optimal_near_conditions(std::function<Tensor(const Data&)> conditions, double ratio) {
  require(ratio > 0 && ratio <= 1,
          "optimal_near_conditions: a share of {} given; more than 0, at most 1", ratio);
  return [conditions = std::move(conditions), ratio](const Tensor& y_0, const Data& batch, Rng&) {
    const Tensor known = conditions(batch);
    require(known.rank() == 2 && known.rows() == y_0.rows(),
            "optimal_near_conditions: conditions {} for {} points given; a row for each",
            known.shape(), y_0.rows());
    std::vector<double> costs = squared_distances(y_0, batch.points);
    const std::vector<double> apart = squared_distances(known, known);
    const double w = condition_weight(costs, apart, y_0.rows(), ratio);
    for (std::size_t k = 0; k < costs.size(); ++k) costs[k] += w * apart[k];
    return ordered(y_0, assign(costs, y_0.rows()));
  };
}

Pairing entropic(double sigma) {
  require(sigma > 0 && std::isfinite(sigma), "entropic: sigma {} given; more than 0", sigma);
  return [epsilon = 2 * sigma * sigma](const Tensor& y_0, const Data& batch, Rng& rng) {
    const Index n = y_0.rows();
    if (n == 0) return y_0;
    const EntropicPlan plan =
        sinkhorn(squared_distances(y_0, batch.points), n, n, {.epsilon = epsilon});
    require(plan.error < 0.01,
            "entropic: after {} rounds {:.2g} of the mass is not yet where it belongs; hint: a "
            "larger sigma, or `optimal`, which it comes close to",
            plan.rounds, plan.error);
    const Tensor chance = rng.uniform({n});
    std::vector<Index> row;
    for (Index j = 0; j < n; ++j) {
      const auto share = [&](Index i) {
        return math::exp(plan.log_share[static_cast<std::size_t>(i * n + j)]);
      };
      double left = 0;
      for (Index i = 0; i < n; ++i) left += share(i);
      left *= double{chance.data()[j]};
      Index i = 0;
      while (i + 1 < n && left >= share(i)) left -= share(i++);
      row.push_back(i);
    }
    return kernel::gather(y_0, row);
  };
}

}  // namespace gradflow
