#include "experiments/run/trained.h"

namespace gradflow {

NormalizingFlow make_normalizing_flow(const RunOptions& options) {
  NormalizingFlowOptions flow;
  flow.coupling.scale_bound = static_cast<real>(options.scale_bound);
  flow.coupling.start_as_identity = options.zero_start;
  flow.permuting = options.permutations == "random" ? Permuting::random : Permuting::alternate;
  Rng rng(options.seed);
  return NormalizingFlow::of_couplings(2, flow, rng);
}

Trained<NormalizingFlow> trained_normalizing_flow(const RunOptions& options) {
  RunOptions own = options;
  const Saved saved = load_saved("normalizing_flow", own);
  NormalizingFlow flow = make_normalizing_flow(own);
  assign(flow.parameters(), saved.tensors);
  flow.transform.set_constants(saved.tensors);
  return {std::move(flow), Normalization::from(saved.tensors), saved.history};
}

Trained<FlowMatching> trained_flow_matching(const RunOptions& options) {
  RunOptions own = options;
  const Saved saved = load_saved("flow_matching", own);
  Rng rng(own.seed);
  FlowMatching model(2, {}, rng);
  assign(model.parameters(), saved.tensors);
  return {std::move(model), Normalization::from(saved.tensors), saved.history};
}

History conditional_flow_matching_history(const RunOptions& options) {
  RunOptions own = options;
  return load_saved("conditional_flow_matching", own).history;
}

}  // namespace gradflow
