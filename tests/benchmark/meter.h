// Meter: steps per second, in windows. And the rest of what a measurement says.
//
// Both programs, `benchmark` and `benchmark_libtorch`, measure with this file, so that they cannot
// differ in how. It needs nothing but the standard library and nlohmann-json.
//
// A measurement has a process of its own: only so do its peak memory and its time from the start to
// the first step mean anything. benchmark.cpp starts it and reads the one line that it prints.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace benchmark {

// Since some fixed moment, the same for all processes.
inline double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Of this process's computing, on all its threads together.
inline double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Of this process, so far, in MB (1e6 bytes). From VmHWM, and not from getrusage: what that says
// begins with the memory of the process that started this one.
inline double peak_memory_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) * 1024 / 1e6;
  return 0;
}

// What a process is asked to measure; on its command line in this order, after "measure".
struct Request {
  std::string workload;
  int threads = 1;
  int shards = 2;
  double seconds = 1;
  int windows = 5;        // into which the seconds are cut; each gives a rate
  bool cpu_time = false;  // rates are per second of computing, not per second that passed
  double started = 0;     // seconds_now() when the process was started

  static Request from(int argc, char** argv) {
    if (argc != 9) throw std::runtime_error("measure: seven values are required");
    return {argv[2],
            std::atoi(argv[3]),
            std::atoi(argv[4]),
            std::atof(argv[5]),
            std::atoi(argv[6]),
            std::atoi(argv[7]) != 0,
            std::atof(argv[8])};
  }
  std::vector<std::string> arguments() const {
    return {"measure",
            workload,
            std::to_string(threads),
            std::to_string(shards),
            std::to_string(seconds),
            std::to_string(windows),
            std::to_string(cpu_time ? 1 : 0),
            std::to_string(started)};
  }
};

class Meter {
 public:
  explicit Meter(const Request& request) : request_(request), began_(seconds_now()) {}

  void data_are_ready() { data_seconds_ = seconds_now() - began_; }

  // Call it after each step that did `work` units. False: enough has been seen.
  // The first step is timed by itself; then a tenth of the seconds passes before the first window.
  bool step(double work = 1) {
    const double now = seconds_now();
    if (!first_step_seen_) {
      first_step_seen_ = true;
      first_step_seconds_ = now - request_.started;
      return begin_window(now);
    }
    work_ += work;
    const double length = now - window_began_;
    if (length < (warming_up_ ? request_.seconds / 10 : request_.seconds / request_.windows))
      return true;
    if (!warming_up_)
      rates_.push_back(work_ /
                       (request_.cpu_time ? processor_seconds() - computing_began_ : length));
    warming_up_ = false;
    return begin_window(now);
  }

  const std::vector<double>& rates() const { return rates_; }

  nlohmann::json result(const std::string& blas) const {
    return {{"rates", rates_},
            {"peak_memory_mb", peak_memory_mb()},
            {"data_seconds", data_seconds_},
            {"first_step_seconds", first_step_seconds_},  // from the start, the data included
            {"blas", blas}};
  }

 private:
  bool begin_window(double now) {
    work_ = 0;
    window_began_ = now;
    if (request_.cpu_time) computing_began_ = processor_seconds();
    return static_cast<int>(rates_.size()) < request_.windows;
  }

  const Request request_;
  const double began_;
  double data_seconds_ = 0, first_step_seconds_ = 0;
  bool first_step_seen_ = false, warming_up_ = true;
  double window_began_ = 0, computing_began_ = 0, work_ = 0;
  std::vector<double> rates_;
};

// The sizes of the workloads that both programs must agree on.
constexpr long kPoints = 250'000, kDim = 2, kBatch = 128, kClasses = 5, kClassDim = 10;
constexpr long kCouplings = 15;
constexpr double kScaleBound = 2, kLeakySlope = 0.01, kLearningRate = 1e-3, kLongestGradient = 1;
constexpr long kSampled = 1000, kEulerSteps = 1000, kCheckedSteps = 20;
constexpr long kLargePoints = 4096, kLargeDim = 784, kLargeBatch = 256;
inline const std::vector<long> kCouplingHidden{8, 8, 8, 8}, kHidden{64, 64, 64, 64},
    kLargeHidden{1024, 1024, 1024};

}  // namespace benchmark
