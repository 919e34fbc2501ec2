#include "flows/normalizing_flow.h"

#include "flows/normal.h"
#include "flows/permutation.h"

namespace gradflow {

NormalizingFlow NormalizingFlow::of_couplings(Index dim, const NormalizingFlowOptions& options,
                                              Rng& rng) {
  require(options.couplings >= 1, "NormalizingFlow: {} couplings given; at least 1",
          options.couplings);
  NormalizingFlow flow;
  flow.dim = dim;
  for (Index i = 0; i < options.couplings; ++i) {
    flow.transform.add(AffineCoupling(dim, options.coupling, rng));
    flow.transform.add(options.permuting == Permuting::alternate ? Permutation::reversal(dim)
                                                                 : Permutation::random(dim, rng));
  }
  return flow;
}

NormalizingFlow::LogProb NormalizingFlow::log_prob_parts(const Var& x) const {
  const Mapped latent = transform.to_latent(x);
  return {standard_normal_log_prob(latent.points), latent.log_det};
}

Tensor NormalizingFlow::sample(Index n, Rng& rng) const {
  return transform.to_data(rng.normal({n, dim})).points.value();
}

}  // namespace gradflow
