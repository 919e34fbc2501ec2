#include "tests/benchmark/compare.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/benchmark/child.h"
#include "tests/benchmark/round_trip.h"
#include "tests/benchmark/workloads.h"

namespace gradflow {
namespace {

using nlohmann::json;

// float32 has 24 bits: one rounding is 6e-8. Losses and gradients are sums, taken in other orders.
// A step of Adam moves a weight by 1e-3, so its bound is tight: a thousandth of that.
const std::map<std::string, double> kRounding{
    {"loss", 1e-5}, {"gradient", 1e-5}, {"two steps of Adam", 1e-6}, {"points", 1e-5}};

// All measurements of one workload, one of each kind in a round.
struct Rounds {
  std::string workload;
  std::vector<Measured> ours, two_threads, libtorch;  // each may be empty
  std::vector<double> round_trips;                    // ns, after each of two_threads
};

std::vector<double> ratios(const std::vector<Measured>& above, const std::vector<Measured>& below) {
  std::vector<double> list;
  for (std::size_t i = 0; i < above.size() && i < below.size(); ++i)
    list.push_back(above[i].median() / below[i].median());
  return list;
}

double median_of(const std::vector<Measured>& list, double (*number)(const Measured&)) {
  std::vector<double> values;
  values.reserve(list.size());
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

// One pair's line: "libtorch 12.3, gradflow 45.6: ratio 3.71".
std::string pair_line(const std::string& name, const std::vector<Measured>& below,
                      const std::string& other, const std::vector<Measured>& above) {
  return fmt::format("{} {}, {} {}: ratio {:.2f}", name, short_number(rate(below.back())), other,
                     short_number(rate(above.back())), ratios(above, below).back());
}

Rounds measure_in_turn(const std::string& workload, bool with_libtorch,
                       const BenchmarkOptions& options) {
  benchmark::Request one{workload, 1, options.shards, options.seconds, 5, options.cpu_time, 0};
  benchmark::Request two = one;
  two.threads = 2;
  Rounds rounds{workload, {}, {}, {}, {}};
  for (int i = 0; i < options.pairs; ++i) {
    std::vector<std::string> lines;
    if (with_libtorch) rounds.libtorch.push_back(run_measurement(libtorch_program(), one));
    rounds.ours.push_back(run_measurement(this_program(), one));
    if (with_libtorch)
      lines.push_back(pair_line("libtorch", rounds.libtorch, "gradflow", rounds.ours));
    if (!options.cpu_time) {
      rounds.two_threads.push_back(run_measurement(this_program(), two));
      rounds.round_trips.push_back(benchmark::round_trip_ns());
      lines.push_back(pair_line("1 thread", rounds.ours, "2 threads", rounds.two_threads) +
                      fmt::format(" ({:.0f} ns apart)", rounds.round_trips.back()));
    }
    fmt::print("  {:<17} {}  {}\n", workload, i + 1, fmt::join(lines, "    "));
    std::fflush(stdout);
  }
  return rounds;
}

// A cell of the table; "-" where nothing was measured.
std::string cell(const std::vector<Measured>& list, double (*number)(const Measured&)) {
  return list.empty() ? "-" : short_number(median_of(list, number));
}
std::string ratio_cell(const std::vector<Measured>& above, const std::vector<Measured>& below) {
  const std::vector<double> list = ratios(above, below);
  return list.empty() ? "-"
                      : fmt::format("**{:.2f}** ({:.2f} ... {:.2f})", median(list),
                                    *std::min_element(list.begin(), list.end()),
                                    *std::max_element(list.begin(), list.end()));
}

// Two tables in Markdown: speed, with ratios as their median and range over the pairs; and the
// rest.
void print_tables(const std::vector<Rounds>& all, const std::string& unit) {
  fmt::print(
      "\n| {} | libtorch | gradflow | ratio | gradflow, 2 threads | to 1 thread |\n"
      "|---|--:|--:|--:|--:|--:|\n",
      unit);
  for (const Rounds& r : all)
    fmt::print("| {}, {} | {} | {} | {} | {} | {} |\n", r.workload, unit_of(r.workload),
               cell(r.libtorch, rate), cell(r.ours, rate), ratio_cell(r.ours, r.libtorch),
               cell(r.two_threads, rate), ratio_cell(r.two_threads, r.ours));
  fmt::print(
      "\n| peak memory, MB; first step after | libtorch | gradflow | gradflow, 2 threads |\n"
      "|---|--:|--:|--:|\n");
  for (const Rounds& r : all)
    fmt::print("| {} | {}; {} s | {}; {} s | {}; {} s |\n", r.workload, cell(r.libtorch, memory),
               cell(r.libtorch, first_step), cell(r.ours, memory), cell(r.ours, first_step),
               cell(r.two_threads, memory), cell(r.two_threads, first_step));
}

json to_json(const std::vector<Measured>& list) {
  json array = json::array();
  for (const Measured& measured : list) array.push_back(measured.to_json());
  return array;
}

void require_agreement(const std::string& workload, const json& differences) {
  std::vector<std::string> texts;
  bool agree = true;
  for (const auto& [what, found] : differences.items()) {
    // JSON has no infinity: it comes as null
    const double size = found.is_number() ? found.get<double>() : INFINITY;
    agree = agree && size <= kRounding.at(what);
    texts.push_back(fmt::format("{} {:.1e} (at most {:.0e})", what, size, kRounding.at(what)));
  }
  fmt::print("  {:<17} {}\n", workload, fmt::join(texts, ", "));
  std::fflush(stdout);
  if (!agree)
    throw ChildError(fmt::format("{}: the two programs do not compute the same", workload));
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
  const bool with_libtorch = use_libtorch(options);
  json result;
  if (with_libtorch)
    fmt::print("From the same weights and batch in both programs, the largest differences:\n");
  else
    fmt::print("Without libtorch: not installed when this was built, or not wanted.\n");
  if (with_libtorch)
    for (const std::string& workload : options.workloads) {
      result[workload]["differences"] = check_against_libtorch(workload);
      require_agreement(workload, result[workload]["differences"]);
    }
  const std::string unit = options.cpu_time ? "per second of computing" : "per second";
  fmt::print("In turn, {}, medians of 5 windows in {} s; {} shards:\n", unit, options.seconds,
             options.shards);
  std::vector<Rounds> all;
  for (const std::string& workload : options.workloads) {
    all.push_back(measure_in_turn(workload, with_libtorch, options));
    const Rounds& rounds = all.back();
    auto& entry = result[workload];
    entry["unit"] = unit_of(workload);
    entry["gradflow"] = to_json(rounds.ours);
    entry["gradflow_2_threads"] = to_json(rounds.two_threads);
    entry["libtorch"] = to_json(rounds.libtorch);
    entry["round_trips_ns"] = rounds.round_trips;
    entry["ratios"] = ratios(rounds.ours, rounds.libtorch);
    entry["ratios_2_threads"] = ratios(rounds.two_threads, rounds.ours);
  }
  print_tables(all, unit);
  if (with_libtorch) fmt::print("\nlibtorch's BLAS: {}\n", all.front().libtorch.front().blas);
  return result;
}

}  // namespace gradflow
