#include "experiments/table/mixtures.h"

#include <algorithm>

#include "experiments/metrics/choice.h"

namespace gradflow {
namespace {

constexpr Index kMostComponents = 64;

Tensor joint(const Tensor& points, const Tensor& given, Index reals) {
  if (reals == 0) return points;
  return concat({kernel::slice(given, 1, 0, reals), points}, 1).value();
}

double score(const MixtureBase& base, const Tensor& points, const Tensor& given) {
  return mean(base.log_prob(points, given)).item();
}

}  // namespace

MixtureBase fit_mixtures(const Tensor& points, const Tensor& given, const Conditions& conditions,
                         const MixtureOptions& options, const Rng& rng) {
  const Index D = points.shape()[1], enough = std::max<Index>(20, 2 * D) * options.components;
  const Tensor all = joint(points, given, conditions.reals());
  const Mixture pooled = fit_mixture(all, options, rng.fork(0));
  std::vector<Mixture> groups(static_cast<std::size_t>(conditions.groups()), pooled);
  if (groups.size() == 1) return {D, conditions, std::move(groups)};
  std::vector<std::vector<Index>> rows(groups.size());
  const std::vector<Index> group_of = conditions.groups_of(given);
  for (std::size_t i = 0; i < group_of.size(); ++i)
    rows[static_cast<std::size_t>(group_of[i])].push_back(static_cast<Index>(i));
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (std::ssize(rows[g]) >= enough)
      groups[g] = fit_mixture(kernel::gather(all, rows[g]), options, rng.fork(g + 1));
  return {D, conditions, std::move(groups)};
}

ChosenMixture choose_mixture(const Tensor& points, const Tensor& given, const Tensor& validation,
                             const Tensor& validation_given, const Conditions& conditions,
                             const Rng& rng, const std::function<bool()>& stop) {
  const MixtureSearch search{.most = std::clamp<Index>(points.rows() / 20, 1, kMostComponents),
                             .floors = {1e-3, 1e-6, 1e-2},
                             .patience = 2,
                             .stop = stop};
  auto chosen = choose_mixture(
      search,
      [&](const MixtureOptions& options) {
        return fit_mixtures(points, given, conditions, options, rng);
      },
      [&](const MixtureBase& base) { return score(base, validation, validation_given); });
  return {std::move(chosen.model), chosen.options.components};
}

}  // namespace gradflow
