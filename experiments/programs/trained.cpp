#include "experiments/programs/trained.h"

namespace gradflow {

Settings settings_of(NormalizingFlowSettings& s) {
  return {setting("scale_bound", s.scale_bound, AboveZeroOrNone{},
                  "Largest log-scale of a coupling; none: unbounded, as in the report"),
          setting("permutations", s.permutations, OneOf{{"alternate", "random"}},
                  "alternate: swap after each coupling; random: drawn once, as in the report"),
          setting("zero_start", s.zero_start, TurnedBy{"random-start"},
                  "Do not begin as the identity (last layers zeroed), as in the report")};
}

NormalizingFlow make_normalizing_flow(const NormalizingFlowSettings& settings, std::uint64_t seed) {
  NormalizingFlowOptions flow;
  flow.coupling.scale_bound = static_cast<real>(settings.scale_bound);
  flow.coupling.start_as_identity = settings.zero_start;
  flow.permuting = settings.permutations == "random" ? Permuting::random : Permuting::alternate;
  Rng rng(seed);
  return NormalizingFlow::of_couplings(2, flow, rng);
}

Trained<NormalizingFlow> trained_normalizing_flow(const RunOptions& options) {
  RunOptions common = options;
  NormalizingFlowSettings own;
  const Saved saved =
      load_saved("normalizing_flow", options, settings_of(common) + settings_of(own));
  NormalizingFlow flow = make_normalizing_flow(own, common.training.seed);
  assign(flow.parameters(), saved.tensors);
  flow.transform.set_constants(saved.tensors);
  return {std::move(flow), Normalization::from(saved.tensors), saved.history};
}

Trained<FlowMatching> trained_flow_matching(const RunOptions& options) {
  RunOptions common = options;
  const Saved saved = load_saved("flow_matching", options, settings_of(common));
  Rng rng(common.training.seed);
  FlowMatching model(2, {}, rng);
  assign(model.parameters(), saved.tensors);
  return {std::move(model), Normalization::from(saved.tensors), saved.history};
}

History conditional_flow_matching_history(const RunOptions& options) {
  RunOptions common = options;
  return load_saved("conditional_flow_matching", options, settings_of(common)).history;
}

}  // namespace gradflow
