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
};
Settings settings_of(NormalizingFlowSettings& settings);

// How flows with splines are trained, where it is not as the others: they bear a higher rate.
inline const TrainingOptions kSplineTraining{.learning_rate = 3e-3, .largest_gradient = 5};

// Not trained; of the plane.
Flow make_normalizing_flow(const NormalizingFlowSettings& settings, Rng& rng);
Flow make_spline_flow(Rng& rng);              // six spline couplings, of 62 778 parameters
Flow make_conditional_spline_flow(Rng& rng);  // the same, told the class
FlowMatching make_flow_matching(Rng& rng);
FlowMatching make_conditional_flow_matching(Rng& rng);

// As the experiments left them. Throw FileError if a file is not there or not such a model.
Trained<Flow> trained_normalizing_flow(const RunOptions& options);
Trained<FlowMatching> trained_flow_matching(const RunOptions& options);
Trained<FlowMatching> trained_conditional_flow_matching(const RunOptions& options);

}  // namespace gradflow
