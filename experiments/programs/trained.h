// Models as the experiments left them, for programs that look at them afterwards.
#pragma once

#include "experiments/data/rings.h"
#include "experiments/run/session.h"
#include "flows/flow_matching.h"
#include "flows/normalizing_flow.h"

namespace gradflow {

// A model with what its points were normalised by and how it was trained.
template <class Model>
struct Trained {
  Model model;
  Normalization normalization;
  History history;
};

struct NormalizingFlowSettings {  // what it has of its own
  double scale_bound = 2;
  std::string permutations = "alternate";
  bool zero_start = true;
};
Settings settings_of(NormalizingFlowSettings& settings);

// Not trained.
NormalizingFlow make_normalizing_flow(const NormalizingFlowSettings& settings, std::uint64_t seed);

// From <out>/<name>.safetensors. Throw FileError if it is not there or not such a model.
Trained<NormalizingFlow> trained_normalizing_flow(const RunOptions& options);
Trained<FlowMatching> trained_flow_matching(const RunOptions& options);
History conditional_flow_matching_history(const RunOptions& options);

}  // namespace gradflow
