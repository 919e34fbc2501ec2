// NormalizingFlow: a distribution made by a bijection from the standard normal.
//
//   log p(x) = log N(f(x); 0, I) + log |det df/dx|,    f = to_latent
//
// Training makes the data likely: it minimises the mean of -log p(x), the negative log-likelihood
// (NLL), in nats. Sampling draws z ~ N(0, I) and maps it to_data.
//   Rezende and Mohamed, "Variational inference with normalizing flows" (2015).
//
//   Rng rng(0);
//   NormalizingFlow flow = NormalizingFlow::of_couplings(2, {}, rng);
//   ...
//   const Var loss = -mean(flow.log_prob(batch));
//
// Read next: experiments/programs/normalizing_flow.cpp.
#pragma once

#include "flows/affine_coupling.h"
#include "flows/composition.h"

namespace gradflow {

enum class Permuting {  // the order of the coordinates from coupling to coupling
  alternate,  // reversed after every coupling: each is moved by every second coupling at least
  random      // drawn once for each coupling; for two coordinates half of them do nothing
};

struct NormalizingFlowOptions {                // what of_couplings() builds
  Index couplings = 15;                        // how many
  AffineCouplingOptions coupling = {};         // each of them
  Permuting permuting = Permuting::alternate;  // between them
};

struct NormalizingFlow {
  // `couplings` affine couplings of points with `dim` coordinates, each followed by a permutation.
  static NormalizingFlow of_couplings(Index dim, const NormalizingFlowOptions& options, Rng& rng);

  struct LogProb {                                 // the two terms of log p(x)
    Var prior;                                     // (B): log N(z; 0, I)
    Var log_det;                                   // (B): log |det dz/dx|
    Var total() const { return prior + log_det; }  // (B): log p(x)
  };
  LogProb log_prob_parts(const Var& x) const;                             // x (B, D)
  Var log_prob(const Var& x) const { return log_prob_parts(x).total(); }  // (B), in nats

  Tensor sample(Index n, Rng& rng) const;  // (n, D)

  Parameters parameters() { return transform.parameters(); }  // those of all couplings

  Index dim = 0;          // D
  Composition transform;  // z <-> x, from the latent side to the data side
};

}  // namespace gradflow
