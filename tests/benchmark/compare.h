// --compare: this library and libtorch in turn, and two threads against one.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tests/benchmark/options.h"

namespace gradflow {

// Prints as it goes, then a table. Returns the numbers. Throws ChildError; also if the two programs
// do not compute the same.
nlohmann::json compare(const BenchmarkOptions& options);

// That both programs compute the same loss, gradient and step of Adam from the same weights and the
// same batch. Returns the differences, each relative to the largest number of its kind.
nlohmann::json check_against_libtorch(const std::string& workload);

}  // namespace gradflow
