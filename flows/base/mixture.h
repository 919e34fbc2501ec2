// GaussianMixture: several bells to begin with, instead of one. Their places, widths and weights
// are trained with the flow.
//
//   log p(z) = log sum_k  w_k N(z; m_k, diag(s_k^2))
//
// The one idea: a flow keeps what is connected connected, so from one bell it can only draw thin
// threads between clusters of data. From as many bells as there are clusters it need not.
//   Izmailov, Kirichenko, Finzi, Wilson, "Semi-supervised learning with normalizing flows" (2020).
//
// A bell that sits down on a single point of the data and shrinks makes the likelihood infinite; so
// none is narrower than 1/20 of what it began with.
#pragma once

#include "flows/base.h"

namespace gradflow {

class GaussianMixture final : public Base {
 public:
  // Means ~ N(0, 1), deviations 1, equal weights. Throws ShapeError unless both numbers are at
  // least 1.
  GaussianMixture(Index dim, Index components, Rng& rng);
  // Means at as many of these latent points (N, D), drawn at random: where the data is. Throws
  // ShapeError if there are fewer points than components.
  void begin_at(const Tensor& points, Rng& rng);

  Index components() const { return means_.value().rows(); }  // how many
  Index dim() const override { return means_.value().shape()[1]; }
  Var log_prob(const Var& z, const Var& context = no_context) const override;
  // A gradient goes to means and deviations; a component is chosen, and a choice has none.
  Var sample(Index n, Rng& rng, const Var& context = no_context) const override;
  void visit(const Visitor& visitor) override;  // "logits", "means", "scales"

 private:
  Var log_deviations() const;  // (K, D)

  Parameter logits_;          // (K): of the weights
  Parameter means_, scales_;  // (K, D)
};

}  // namespace gradflow
