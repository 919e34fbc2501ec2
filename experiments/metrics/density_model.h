// DensityModel: anything that has learned a density. What is measured asks no more than this.
//
// Read next: truth.h, which measures it; baselines.h, three that are no flows.
#pragma once

#include <functional>

#include "experiments/metrics/density.h"
#include "flows/flow.h"
#include "flows/linear/standardize.h"

namespace gradflow {

struct DensityModel {
  LogDensity log_density = {};                           // log q of each point, in nats
  std::function<Tensor(Index n, Rng& rng)> sample = {};  // (n, D)
  Index parameters = 0;                                  // the numbers that it has learned
};

// The same, a thousand points at a time: what is made of them stays in the cache, and threads
// share.
LogDensity in_parts(LogDensity log_density);

// A flow, which is copied.
DensityModel density_model(const Flow& flow, Index parameters);

// A model of standardised points as one of the points themselves:
//   log q(x) = log q'((x - mean) / deviation) - sum of log deviation
DensityModel in_data_units(const DensityModel& standardized, const Standardize& units);

}  // namespace gradflow
