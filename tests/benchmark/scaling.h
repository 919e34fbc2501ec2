// --scaling: how the cost of a training step grows with the batch, the width and the depth.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tests/benchmark/options.h"

namespace gradflow {

// Prints tables; writes scaling.csv and a log-log figure for each table into options.scaling.
nlohmann::json study_scaling(const BenchmarkOptions& options);

}  // namespace gradflow
