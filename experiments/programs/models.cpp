#include "experiments/programs/models.h"

#include "experiments/data/rings.h"

namespace gradflow {

Settings settings_of(NormalizingFlowSettings& s) {
  return {
      setting("scale_bound", s.scale_bound, AboveZeroOrNone{},
              "Largest log-scale of a coupling; none: unbounded, as in the original report"),
      setting("permutations", s.permutations, OneOf{{"alternate", "random"}},
              "alternate: swap after each coupling; random: drawn once, as in the original report"),
      setting("zero_start", s.zero_start, TurnedBy{"random-start"},
              "Do not begin as the identity (last layers zeroed): as in the original report")};
}

Flow make_normalizing_flow(const NormalizingFlowSettings& settings, Rng& rng) {
  FlowOptions options;
  options.network.start_as_identity = settings.zero_start;
  options.scale_bound = static_cast<real>(settings.scale_bound);
  options.permuting = settings.permutations == "random" ? Permuting::random : Permuting::alternate;
  return real_nvp(2, options, rng);
}

namespace {
Flow spline_flow(Index context, Rng& rng) {
  return spline_coupling(
      2, {.layers = 6, .network = {.hidden = {64, 64}, .context = context}, .spline = {.bins = 32}},
      rng);
}
}  // namespace

Flow make_spline_flow(Rng& rng) { return spline_flow(0, rng); }

Flow make_conditional_spline_flow(Rng& rng) { return spline_flow(std::ssize(kRings), rng); }

FlowMatching make_flow_matching(Rng& rng) { return {2, {}, rng}; }

FlowMatching make_conditional_flow_matching(Rng& rng) {
  return {2, {.classes = std::ssize(kRings)}, rng};
}

Trained<Flow> trained_normalizing_flow(const RunOptions& options) {
  RunOptions common = options;
  NormalizingFlowSettings own;
  return load_trained<Flow>("normalizing_flow", common, settings_of(own),
                            [&](Rng& rng) { return make_normalizing_flow(own, rng); });
}

Trained<FlowMatching> trained_flow_matching(const RunOptions& options) {
  RunOptions common = options;
  return load_trained<FlowMatching>("flow_matching", common, {}, make_flow_matching);
}

Trained<FlowMatching> trained_conditional_flow_matching(const RunOptions& options) {
  RunOptions common = options;
  return load_trained<FlowMatching>("conditional_flow_matching", common, {},
                                    make_conditional_flow_matching);
}

}  // namespace gradflow
