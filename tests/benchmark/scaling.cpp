#include "tests/benchmark/scaling.h"

#include <nlohmann/json.hpp>

namespace gradflow {

nlohmann::json study_scaling(const BenchmarkOptions&) { return {}; }

}  // namespace gradflow
