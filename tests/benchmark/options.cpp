#include "tests/benchmark/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tests/benchmark/workloads.h"

namespace gradflow {

namespace {

std::string seconds_in_range(const std::string& text) {  // CLI::Range lets NaN through
  double value = 0;
  return CLI::detail::lexical_cast(text, value) && value >= 0.001 && value <= 3600
             ? std::string()
             : fmt::format("{}: a number from 0.001 to 3600 is required", text);
}

}  // namespace

BenchmarkOptions parse_benchmark_options(int argc, char** argv) {
  BenchmarkOptions options;
  CLI::App app("Measures training and sampling: this library, and libtorch beside it.",
               "benchmark");
  app.option_defaults()->always_capture_default();
  std::vector<std::string> chosen;
  auto* workload =
      app.add_option("--workload", chosen, "Which to measure; may be repeated. Default: all")
          ->check(CLI::IsMember(kWorkloads));
  auto* threads =
      app.add_option("--threads", options.threads, "Threads")->check(CLI::Range(1, 1024));
  app.add_option("--shards", options.shards, "Parts of a batch that can run in parallel")
      ->check(CLI::Range(1, 1024));
  app.add_option("--seconds", options.seconds, "How long to measure each workload")
      ->check(seconds_in_range);
  app.add_flag("--without-libtorch", options.without_libtorch, "Measure this library alone");
  app.add_flag("--cpu-time", options.cpu_time,
               "Rates per second of computing, on all threads, not per second that passed: for one "
               "thread, on a machine that is busy with other things");
  app.add_option("--json", options.json, "File for all the numbers");
  auto* compare = app.add_flag("--compare", options.compare,
                               "In turn: libtorch, this library, this library with two threads; "
                               "prints ratios")
                      ->excludes(threads);
  app.add_option("--pairs", options.pairs, "How often --compare repeats each pair")
      ->check(CLI::Range(1, 1000))
      ->needs(compare);
  app.add_option("--scaling", options.scaling,
                 "Instead: training against batch, width and depth; tables and figures go to this "
                 "directory")
      ->excludes(compare)
      ->excludes(workload);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) std::exit(app.exit(error));  // --help
    fmt::print(stderr, "benchmark: {} (try --help)\n", error.what());
    std::exit(2);
  }
  for (const std::string& name : kWorkloads)
    if (chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end())
      options.workloads.push_back(name);
  return options;
}

}  // namespace gradflow
