// The command line of `benchmark`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gradflow {

struct BenchmarkOptions {
  std::vector<std::string> workloads;  // in the order of kWorkloads
  int threads = 1;
  int shards = 2;
  double seconds = 3;  // of measuring, for each workload and program
  int pairs = 5;       // of --compare
  bool compare = false;
  bool cpu_time = false;
  bool without_libtorch = false;
  std::filesystem::path json;     // empty: none is written
  std::filesystem::path scaling;  // empty: not that
};

// For --help it prints the help and ends the program with code 0; for a mistake it prints one line
// and ends it with code 2.
BenchmarkOptions parse_benchmark_options(int argc, char** argv);

}  // namespace gradflow
