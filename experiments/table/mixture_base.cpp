#include "experiments/table/mixture_base.h"

#include <fmt/format.h>

namespace gradflow {
namespace {

// The real numbers among what is given, and the points behind them.
Var with_given(const Var& z, const Var& context, Index reals) {
  return reals == 0 ? z : concat({slice(context, 1, 0, reals), z}, 1);
}

// Which rows are of each group; only groups that have some.
std::map<Index, std::vector<Index>> rows_by_group(const Conditions& conditions,
                                                  const Tensor& context, Index n) {
  std::map<Index, std::vector<Index>> rows;
  if (conditions.groups() == 1) {
    for (Index i = 0; i < n; ++i) rows[0].push_back(i);
    return rows;
  }
  const std::vector<Index> groups = conditions.groups_of(context);
  for (Index i = 0; i < n; ++i) rows[groups[static_cast<std::size_t>(i)]].push_back(i);
  return rows;
}

}  // namespace

MixtureBase::MixtureBase(Index dim, Conditions conditions, std::vector<Mixture> groups)
    : dim_(dim), conditions_(std::move(conditions)), groups_(std::move(groups)) {
  require(std::ssize(groups_) == conditions_.groups(),
          "MixtureBase: {} mixtures given; {} are required, one for each group", groups_.size(),
          conditions_.groups());
  for (const Mixture& mixture : groups_)
    require(mixture.dim() == dim_ + conditions_.reals(),
            "MixtureBase: a mixture of {} coordinates given; {} are required", mixture.dim(),
            dim_ + conditions_.reals());
}

// Each group's rows are gathered, scored, and scattered to where they were.
Var MixtureBase::log_prob(const Var& z, const Var& context) const {
  check_points("MixtureBase::log_prob", z, dim_);
  const Index B = z.rows(), reals = conditions_.reals();
  const Var points = with_given(z, context, reals);
  Var result = zeros(Shape{B});
  for (const auto& [group, rows] : rows_by_group(conditions_, context.value(), B)) {
    const Mixture& mixture = groups_[static_cast<std::size_t>(group)];
    const Var scores = gradflow::log_prob(mixture, gather(points, rows), reals);
    result = result + scatter_add(scores, rows, B);
  }
  return result;
}

Var MixtureBase::sample(Index n, Rng& rng, const Var& context) const {
  const Index reals = conditions_.reals();
  const Tensor given = reals == 0 ? Tensor({n, 0}) : kernel::slice(context.value(), 1, 0, reals);
  Tensor result = zeros({n, dim_});
  for (const auto& [group, rows] : rows_by_group(conditions_, context.value(), n)) {
    const Mixture& mixture = groups_[static_cast<std::size_t>(group)];
    const Tensor drawn = gradflow::sample(mixture, kernel::gather(given, rows), rng);
    kernel::add_in_place(result, kernel::scatter_add(drawn, rows, n));
  }
  return result;
}

void MixtureBase::visit(const Visitor& visitor) {
  for (std::size_t g = 0; g < groups_.size(); ++g) visitor(fmt::format("{}", g), groups_[g]);
}

}  // namespace gradflow
