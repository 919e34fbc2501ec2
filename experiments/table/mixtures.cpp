#include "experiments/table/mixtures.h"

namespace gradflow {
namespace {

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
  const Index most = std::min<Index>(64, points.rows() / 20);
  MixtureOptions options{.components = std::min<Index>(4, std::max<Index>(1, most))};
  const auto fitted = [&] { return fit_mixtures(points, given, conditions, options, rng); };
  const auto scored = [&](const MixtureBase& base) {
    return score(base, validation, validation_given);
  };
  ChosenMixture best{fitted(), options.components};
  double best_score = scored(best.base), best_floor = options.floor;
  const auto consider = [&] {
    MixtureBase base = fitted();
    const double now = scored(base);
    if (!(now > best_score)) return false;
    best = {std::move(base), options.components};
    best_score = now;
    best_floor = options.floor;
    return true;
  };
  for (const double floor : {1e-6, 1e-2}) {
    options.floor = floor;
    if (!stop()) consider();
  }
  options.floor = best_floor;
  options.components = 2;
  if (best.components != 2 && most >= 2 && !stop()) consider();
  for (options.components = 8; options.components <= most && !stop(); options.components *= 2)
    if (!consider()) break;
  return best;
}

}  // namespace gradflow
