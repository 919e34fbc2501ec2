// MixtureBase: mixtures of Gaussians as the base of a flow: one for each combination of classes,
// each conditional on the real numbers that are given.
//
// The one idea: a flow whose bijection only standardises, from this base, *is* a mixture. So the
// models that a flow is compared with are flows themselves: fitted in another way, and scored,
// sampled, saved and loaded in the same.
#pragma once

#include "experiments/metrics/mixture.h"
#include "experiments/table/conditions.h"
#include "flows/base.h"

namespace gradflow {

class MixtureBase final : public Base {
 public:
  // Mixtures of (given numbers, coordinates): as many as there are groups; of dim + reals each.
  // Throws ShapeError otherwise.
  MixtureBase(Index dim, Conditions conditions, std::vector<Mixture> groups);

  const std::vector<Mixture>& groups() const { return groups_; }

  Index dim() const override { return dim_; }
  Index context() const override { return conditions_.size(); }
  Var log_prob(const Var& z, const Var& context = no_context) const override;
  Var sample(Index n, Rng& rng, const Var& context = no_context) const override;
  void visit(const Visitor& visitor) override;  // "0.weights", ...: each group behind its number

 private:
  Index dim_;
  Conditions conditions_;
  std::vector<Mixture> groups_;
};

}  // namespace gradflow
