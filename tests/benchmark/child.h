// Measurements in processes of their own.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/benchmark/meter.h"
#include "tests/benchmark/options.h"

namespace gradflow {

struct ChildError : std::runtime_error {  // a program that could not be run, or failed
  using std::runtime_error::runtime_error;
};

std::filesystem::path this_program();
std::filesystem::path libtorch_program();
// True if it was built and the options do not forbid it.
bool use_libtorch(const BenchmarkOptions& options);

// Runs a program and returns the JSON that it printed. Throws ChildError.
nlohmann::json run_child(const std::filesystem::path& program,
                         const std::vector<std::string>& arguments);

// One measurement.
struct Measured {
  std::vector<double> rates;  // sorted
  double peak_memory_mb = 0;
  double data_seconds = 0;
  double first_step_seconds = 0;  // from the start of the process, without the data's
  std::string blas;

  double median() const;
  nlohmann::json to_json() const;
};
Measured run_measurement(const std::filesystem::path& program, benchmark::Request request);

double median(std::vector<double> values);

}  // namespace gradflow
