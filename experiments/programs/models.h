// The models of the report, for the programs that train them and for those that look at them
// afterwards.
#pragma once

#include "experiments/run/experiment.h"
#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"

namespace gradflow {

struct NormalizingFlowSettings {  // what it has of its own
  double scale_bound = 2;
  std::string permutations = "alternate";
  bool zero_start = true;
  double soften_from = 4;  // nats: see softened_loss()
};
Settings settings_of(NormalizingFlowSettings& settings);

// Not trained; of the plane.
Flow make_normalizing_flow(const NormalizingFlowSettings& settings, Rng& rng);
FlowMatching make_flow_matching(Rng& rng);
FlowMatching make_conditional_flow_matching(Rng& rng);

// The mean of -log p over the batch; but a point that is less likely than `from` nats counts by the
// logarithm of what lies beyond:
//   l = -log p          for l <= from
//   from + log(1 + l - from)   for others
// A few points far off would else decide whole steps: of sixteen seeds, three ended above 1.96
// nats. The gradient of such a point falls off as 1 / (1 + l - from), whatever the batch is cut
// into. An infinite `from` leaves the mean as it is.
Var softened_loss(const Var& log_prob, double from);

// As the experiments left them. Throw FileError if a file is not there or not such a model.
Trained<Flow> trained_normalizing_flow(const RunOptions& options);
Trained<FlowMatching> trained_flow_matching(const RunOptions& options);
Trained<FlowMatching> trained_conditional_flow_matching(const RunOptions& options);

}  // namespace gradflow
