#include "flows/matching/sinkhorn.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// log of a sum of `count` exponentials, the largest taken out.
template <class F>
double log_sum_exp(Index count, const F& exponent) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (Index k = 0; k < count; ++k) most = std::max(most, exponent(k));
  for (Index k = 0; k < count; ++k) sum += math::exp(exponent(k) - most);
  return most + math::log(sum);
}

}  // namespace

EntropicPlan sinkhorn(std::span<const double> costs, Index n, Index m,
                      const SinkhornOptions& options) {
  require(n >= 1 && m >= 1 && std::ssize(costs) == n * m,
          "sinkhorn: {} costs for {} x {} given; one for each pair, at least 1", costs.size(), n,
          m);
  require(options.epsilon > 0 && std::isfinite(options.epsilon),
          "sinkhorn: epsilon {} given; more than 0", options.epsilon);
  require(options.tolerance >= 0, "sinkhorn: a tolerance of {} given; 0 or more",
          options.tolerance);
  EntropicPlan plan;
  std::vector<double>& log_share = plan.log_share;
  for (const double cost : costs) {
    require(std::isfinite(cost), "sinkhorn: the cost {} given; finite ones", cost);
    log_share.push_back(-cost / options.epsilon);
  }
  // What is added to a row or to a column goes into the plan at once: it is f and g.
  const double row = -math::log(static_cast<double>(n)),
               column = -math::log(static_cast<double>(m));
  const auto column_sum = [&](Index j) {
    return log_sum_exp(n, [&](Index i) { return log_share[at(i * m + j)]; });
  };
  for (plan.rounds = 1;; ++plan.rounds) {
    for (Index j = 0; j < m; ++j) {
      const double g = column - column_sum(j);
      for (Index i = 0; i < n; ++i) log_share[at(i * m + j)] += g;
    }
    for (Index i = 0; i < n; ++i) {
      double* own = log_share.data() + i * m;
      const double f = row - log_sum_exp(m, [&](Index j) { return own[j]; });
      for (Index j = 0; j < m; ++j) own[j] += f;
    }
    const bool last = plan.rounds >= options.most_rounds;
    if (plan.rounds % 10 != 0 && !last) continue;
    plan.error = 0;
    for (Index j = 0; j < m; ++j)
      plan.error += std::abs(math::exp(column_sum(j)) - math::exp(column));
    if (plan.error <= options.tolerance || last) break;
  }
  for (std::size_t k = 0; k < costs.size(); ++k) plan.cost += math::exp(log_share[k]) * costs[k];
  return plan;
}

}  // namespace gradflow
