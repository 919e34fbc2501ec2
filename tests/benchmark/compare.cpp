#include "tests/benchmark/compare.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/benchmark/child.h"
#include "tests/benchmark/workloads.h"

namespace gradflow {
namespace {

using nlohmann::json;

// float32 has 24 bits: one rounding is 6e-8. Losses and gradients are sums, taken in other orders.
// A step of Adam moves a weight by 1e-3, so its bound is tight: a thousandth of that.
constexpr double kSumRounding = 1e-5, kStepRounding = 1e-6;

// All measurements of one workload, one of each kind in a round.
struct Rounds {
  std::string workload;
  std::vector<Measured> ours, two_threads, libtorch;
};

std::vector<double> ratios(const std::vector<Measured>& above, const std::vector<Measured>& below) {
  std::vector<double> list;
  for (std::size_t i = 0; i < above.size() && i < below.size(); ++i)
    list.push_back(above[i].median() / below[i].median());
  return list;
}

double median_of(const std::vector<Measured>& list, double (*number)(const Measured&)) {
  std::vector<double> values;
  for (const Measured& measured : list) values.push_back(number(measured));
  return median(values);
}
double rate(const Measured& m) { return m.median(); }
double memory(const Measured& m) { return m.peak_memory_mb; }
double first_step(const Measured& m) { return m.first_step_seconds; }

std::string short_number(double x) {
  return x >= 100  ? fmt::format("{:.0f}", x)
         : x >= 10 ? fmt::format("{:.1f}", x)
                   : fmt::format("{:.2f}", x);
}

Rounds measure_in_turn(const std::string& workload, bool with_libtorch,
                       const BenchmarkOptions& options) {
  benchmark::Request request{workload, 1, options.shards, options.seconds, 5, 0};
  Rounds rounds{workload, {}, {}, {}};
  for (int i = 0; i < options.pairs; ++i) {
    request.threads = 1;
    if (with_libtorch) rounds.libtorch.push_back(run_measurement(libtorch_program(), request));
    rounds.ours.push_back(run_measurement(this_program(), request));
    request.threads = 2;
    rounds.two_threads.push_back(run_measurement(this_program(), request));
    fmt::print("  {:<18} pair {}:", workload, i + 1);
    if (with_libtorch)
      fmt::print(" libtorch {}, gradflow {}: ratio {:.2f};",
                 short_number(rate(rounds.libtorch.back())), short_number(rate(rounds.ours.back())),
                 ratios(rounds.ours, rounds.libtorch).back());
    fmt::print(" gradflow, 1 and 2 threads, {} and {}: ratio {:.2f}\n",
               short_number(rate(rounds.ours.back())),
               short_number(rate(rounds.two_threads.back())),
               ratios(rounds.two_threads, rounds.ours).back());
    std::fflush(stdout);
  }
  return rounds;
}

void print_table(const std::vector<Rounds>& all, bool with_libtorch) {
  fmt::print(
      "\n| work | libtorch | gradflow | ratio | gradflow, 2 threads | to 1 thread | "
      "peak memory, MB: libtorch, gradflow | first step after, s: libtorch, gradflow |\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const Rounds& r : all) {
    const auto of_libtorch = [&](double (*number)(const Measured&)) {
      return with_libtorch ? short_number(median_of(r.libtorch, number)) : std::string("-");
    };
    fmt::print("| {}, {} | {} | {} | {} | {} | {:.2f} | {}, {} | {}, {:.3f} |\n", r.workload,
               unit_of(r.workload), of_libtorch(rate), short_number(median_of(r.ours, rate)),
               with_libtorch ? short_number(median(ratios(r.ours, r.libtorch))) : "-",
               short_number(median_of(r.two_threads, rate)), median(ratios(r.two_threads, r.ours)),
               of_libtorch(memory), short_number(median_of(r.ours, memory)),
               of_libtorch(first_step), median_of(r.ours, first_step));
  }
}

json to_json(const std::vector<Measured>& list) {
  json array = json::array();
  for (const Measured& measured : list) array.push_back(measured.to_json());
  return array;
}

}  // namespace

json check_against_libtorch(const std::string& workload) {
  const auto file = std::filesystem::temp_directory_path() /
                    fmt::format("gradflow_benchmark_{}.safetensors", ::getpid());
  struct Remover {
    const std::filesystem::path& file;
    ~Remover() {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
    }
  } remover{file};
  write_check(workload, file);
  return run_child(libtorch_program(), {"check", workload, file.string()});
}

json compare(const BenchmarkOptions& options) {
  const bool with_libtorch = std::filesystem::exists(libtorch_program());
  json result;
  if (with_libtorch) {
    fmt::print("The same weights and batch in both programs; largest relative differences:\n");
    for (const std::string& workload : options.workloads) {
      const json found = check_against_libtorch(workload);
      const double loss = found.at("loss"), gradient = found.at("gradient"),
                   step = found.at("adam_step");
      fmt::print("  {:<18} {} parameters: loss {:.1e}, gradient {:.1e}, two steps of Adam {:.1e}\n",
                 workload, found.at("parameters").get<long>(), loss, gradient, step);
      if (!(loss <= kSumRounding && gradient <= kSumRounding && step <= kStepRounding))
        throw ChildError(fmt::format(
            "{}: the two programs do not compute the same; at most {}, {} and {} are rounding",
            workload, kSumRounding, kSumRounding, kStepRounding));
      result[workload]["differences"] = found;
    }
  } else {
    fmt::print(
        "benchmark_libtorch was not built (libtorch-dev is not installed): gradflow alone.\n");
  }
  std::vector<Rounds> all;
  for (const std::string& workload : options.workloads) {
    const Rounds rounds = measure_in_turn(workload, with_libtorch, options);
    all.push_back(rounds);
    auto& entry = result[workload];
    entry["unit"] = unit_of(workload);
    entry["gradflow"] = to_json(rounds.ours);
    entry["gradflow_2_threads"] = to_json(rounds.two_threads);
    entry["ratio_2_threads"] = median(ratios(rounds.two_threads, rounds.ours));
    if (!with_libtorch) continue;
    entry["libtorch"] = to_json(rounds.libtorch);
    entry["ratio"] = median(ratios(rounds.ours, rounds.libtorch));
  }
  print_table(all, with_libtorch);
  return result;
}

}  // namespace gradflow
