// Flow: a distribution made by a bijection from a simple one.
//
//   log p(x) = log p_base(f(x)) + log |det df/dx|,    f = to_latent
//
// Training makes the data likely: it minimises the mean of -log p(x), the negative log-likelihood
// (NLL), in nats. Sampling draws z from the base and maps it to_data.
//   Rezende and Mohamed, "Variational inference with normalizing flows" (2015).
//
//   Rng rng(0);
//   Flow flow = real_nvp(2, {}, rng);
//   ...
//   const Var loss = -mean(flow.log_prob(batch));
//
// Read next: recipes.h; experiments/programs/normalizing_flow.cpp.
#pragma once

#include "flows/base.h"

namespace gradflow {

struct Flow {
  // From the standard normal, or from another base. Throws ShapeError if the two do not fit.
  Flow(AnyBijection bijection);
  Flow(AnyBijection bijection, AnyBase base);

  Index dim() const { return bijection->dim(); }  // D
  Index context() const;                          // how many numbers it wants to know of each point

  // x (B, D), context (B, context()) or none -> (B), in nats. Throw ShapeError for anything else,
  // as all that follow.
  Var log_prob(const Var& x, const Var& context = no_context) const;
  struct LogProb {                                 // the two terms of log p(x)
    Var prior;                                     // (B): log p_base(z)
    Var log_det;                                   // (B): log |det dz/dx|
    Var total() const { return prior + log_det; }  // (B): log p(x)
  };
  // The two of them, each by itself.
  LogProb log_prob_parts(const Var& x, const Var& context = no_context) const;

  // (n, D), n at least 0; context (n, context()) or none. Nothing is recorded.
  Tensor sample(Index n, Rng& rng, const Var& context = no_context) const;
  struct Sampled {  // samples with their own log p
    Var points;     // (n, D)
    Var log_prob;   // (n)
  };
  // Both from one pass to_data; recorded, if a tape does.
  Sampled sample_with_log_prob(Index n, Rng& rng, const Var& context = no_context) const;

  void visit(const Visitor& visitor);  // as the bijection does; what the base has is "base. ..."

  AnyBijection bijection;  // z <-> x
  AnyBase base;            // of z
};

}  // namespace gradflow
