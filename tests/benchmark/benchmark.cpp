// The benchmark: training steps (or samples) per second of five workloads, memory, time to the
// first step. README.md, beside this file, says what is measured and how to read it.
//
//   benchmark                                   all workloads, one thread
//   benchmark --workload sampling --threads 2
//   benchmark --compare                         with libtorch in turn, as ratios
//   benchmark --scaling DIR                     against batch, width and depth
//
// Read next: workloads.cpp, what is measured; meter.h, how.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "experiments/run/files/file_error.h"
#include "tensor/kernels/gemm.h"
#include "tests/benchmark/child.h"
#include "tests/benchmark/compare.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/scaling.h"
#include "tests/benchmark/workloads.h"

namespace gradflow {
namespace {

using nlohmann::json;

// All processes that measure, of both programs, are told which processor they are on: a BLAS that
// takes it for another would be compared, and not the programs. What the user has said stands.
std::string core_for_all() {
  const BlasInfo blas = blas_info();
  if (!blas.fitting.empty()) ::setenv("OPENBLAS_CORETYPE", blas.fitting.c_str(), 0);
  const char* const core = std::getenv("OPENBLAS_CORETYPE");
  return core ? core : "none";
}

void print_platform() {
  const BlasInfo blas = blas_info();
  fmt::print("BLAS core {} ({}), for both programs; {} processors\n", core_for_all(),
             blas.config.empty() ? "ours" : blas.config,
             std::thread::hardware_concurrency());
  std::fflush(stdout);
}

void print_row(const std::string& workload, const std::string& program, const Measured& m) {
  const int digits = m.median() < 100 ? 2 : 0;
  fmt::print("{:<17} {:<9} {:>9.{}f} {:>9.{}f} {:>9.{}f} {:<9} {:>8.1f} {:>11.3f} {:>7.3f}\n",
             workload, program, m.median(), digits, m.rates.front(), digits, m.rates.back(), digits,
             unit_of(workload), m.peak_memory_mb, m.first_step_seconds, m.data_seconds);
  std::fflush(stdout);
}

// Each workload once, on this library and, if it is there, on libtorch.
json measure_each(const BenchmarkOptions& options) {
  fmt::print(
      "{} threads, {} shards, {} s each; 5 windows\n{:<17} {:<9} {:>9} {:>9} {:>9} {:<9} {:>8} "
      "{:>11} {:>7}\n",
      options.threads, options.shards, options.seconds, "workload", "program", "median", "min",
      "max", "", "peak MB", "1st step s", "data s");
  json result;
  for (const std::string& workload : options.workloads) {
    const benchmark::Request request{
        workload, options.threads, options.shards, options.seconds, 5, options.cpu_time, 0};
    const auto run = [&](const std::string& name, const std::filesystem::path& program) {
      const Measured measured = run_measurement(program, request);
      print_row(workload, name, measured);
      result[workload][name] = measured.to_json();
    };
    result[workload]["unit"] = unit_of(workload);
    run("gradflow", this_program());
    if (use_libtorch(options)) run("libtorch", libtorch_program());
  }
  return result;
}

// Before anything is measured: that the numbers will have somewhere to go.
void check_json(const std::filesystem::path& path) {
  if (!std::ofstream(path, std::ios::app))
    throw FileError(fmt::format("{} cannot be written", path.string()));
}

void write_json(const BenchmarkOptions& options, const json& workloads) {
  const BlasInfo blas = blas_info();
  const json all{{"blas", {{"core", core_for_all()}, {"config", blas.config}}},
                 {"threads", options.threads},
                 {"shards", options.shards},
                 {"seconds", options.seconds},
                 {"cpu_time", options.cpu_time},
                 {"results", workloads}};
  std::ofstream file(options.json);
  file << all.dump(2) << '\n';
  if (!file.flush()) throw FileError(fmt::format("{} cannot be written", options.json.string()));
}

void run(const BenchmarkOptions& options) {
  if (!options.json.empty()) check_json(options.json);
  print_platform();
  const json result = !options.scaling.empty() ? study_scaling(options)
                      : options.compare        ? compare(options)
                                               : measure_each(options);
  if (!options.json.empty()) write_json(options, result);
}

}  // namespace
}  // namespace gradflow

// What the processes do that run() starts. An error is printed as JSON too, for its one line of
// text belongs to the process that asked.
int serve(int argc, char** argv) {
  try {
    if (std::strcmp(argv[1], "measure") == 0)
      std::cout << gradflow::measure(benchmark::Request::from(argc, argv)) << '\n';
    else if (argc == 4)  // for the tests
      gradflow::write_check(argv[2], argv[3]);
    return 0;
  } catch (const std::exception& error) {
    std::cout << nlohmann::json{{"error", error.what()}} << '\n';
    return 1;
  }
}

int main(int argc, char** argv) {
  if (argc > 1 &&
      (std::strcmp(argv[1], "measure") == 0 || std::strcmp(argv[1], "write-check") == 0))
    return serve(argc, argv);
  try {
    gradflow::run(gradflow::parse_benchmark_options(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "benchmark: {}\n", error.what());
    return 1;
  }
}
