#include "tests/benchmark/scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "experiments/draw/figure.h"
#include "experiments/run/files/file_error.h"
#include "tensor/threads/parallel.h"
#include "tests/benchmark/child.h"
#include "tests/benchmark/workloads.h"

namespace gradflow {
namespace {

using nlohmann::json;

// A line of the study: a model that can be had in several sizes.
struct Line {
  std::string axis, model;
  std::vector<Index> sizes;
  std::function<std::unique_ptr<Trained>(Index size)> make;
};

struct Result {
  Index size = 0, parameters = 0;
  std::vector<double> rates;  // sorted
  // Nanoseconds for each point of the batch and each parameter: level, if cost grows as the work.
  double unit_cost = 0;
  double steepness = 0;  // this unit cost over that of the size before
};

// Work grows as batch times parameters; where the unit cost rises by more, something broke.
constexpr double kCliff = 1.25;

std::vector<Index> doubling(Index first, Index last) {
  std::vector<Index> sizes;
  for (Index size = first; size <= last; size *= 2) sizes.push_back(size);
  return sizes;
}

std::vector<Index> layers(Index count, Index width) {
  return std::vector<Index>(static_cast<std::size_t>(count), width);
}

auto with_batch(const std::function<std::unique_ptr<Trained>()>& make) {
  return [make](Index batch) {
    auto model = make();
    model->batch = batch;
    return model;
  };
}

std::vector<Line> all_lines() {
  const auto flow = [] { return make_normalizing_flow(15, layers(4, 8)); };
  const auto field = [] { return make_flow_matching(layers(4, 64), false); };
  const auto conditional = [] { return make_flow_matching(layers(4, 64), true); };
  return {
      {"batch", "normalizing flow", doubling(32, 4096), with_batch(flow)},
      {"batch", "flow matching", doubling(32, 4096), with_batch(field)},
      {"batch", "with classes", doubling(32, 4096), with_batch(conditional)},
      {"width", "flow of 4 couplings", doubling(8, 512),
       [](Index width) { return make_normalizing_flow(4, layers(4, width)); }},
      {"width", "flow matching", doubling(8, 512),
       [](Index width) { return make_flow_matching(layers(4, width), false); }},
      {"depth", "couplings of a flow", doubling(2, 64),
       [](Index depth) { return make_normalizing_flow(depth, layers(4, 8)); }},
      {"depth", "hidden layers", doubling(2, 64),
       [](Index depth) { return make_flow_matching(layers(depth, 64), false); }},
  };
}

Result measure_size(const Line& line, Index size, const BenchmarkOptions& options) {
  const benchmark::Request request{
      line.model, options.threads, options.shards, options.seconds, 5, options.cpu_time, 0};
  const auto model = line.make(size);
  benchmark::Meter meter(request);
  run_training(*model, options.shards, meter);
  Result result{size, count(*model), meter.rates(), 0, 0};
  std::sort(result.rates.begin(), result.rates.end());
  const double work = static_cast<double>(model->batch) * static_cast<double>(result.parameters);
  result.unit_cost = 1e9 / median(result.rates) / work;
  return result;
}

std::vector<Result> measure_line(const Line& line, const BenchmarkOptions& options) {
  fmt::print("\n{}\n{:>8} {:>11} {:>10} {:>10} {:>10} {:>22} {:>14}\n", line.model, line.axis,
             "parameters", "steps/s", "min", "max", "ns/(point parameter)", "to the last");
  std::vector<Result> results;
  for (const Index size : line.sizes) {
    Result r = measure_size(line, size, options);
    if (!results.empty()) r.steepness = r.unit_cost / results.back().unit_cost;
    fmt::print("{:>8} {:>11} {:>10.1f} {:>10.1f} {:>10.1f} {:>22.4f} {:>14}\n", r.size,
               r.parameters, median(r.rates), r.rates.front(), r.rates.back(), r.unit_cost,
               results.empty()        ? ""
               : r.steepness > kCliff ? fmt::format("cliff {:.2f}", r.steepness)
                                      : fmt::format("{:.2f}", r.steepness));
    std::fflush(stdout);
    results.push_back(std::move(r));
  }
  return results;
}

std::string csv_rows(const Line& line, const std::vector<Result>& results) {
  std::string text;
  for (const Result& r : results)
    text +=
        fmt::format("{},\"{}\",{},{},{},{},{},{}\n", line.axis, line.model, r.size, r.parameters,
                    median(r.rates), r.rates.front(), r.rates.back(), r.unit_cost);
  return text;
}

void write_csv(const std::filesystem::path& directory, const std::string& rows) {
  const auto path = directory / "scaling.csv";
  std::ofstream file(path);
  file << "axis,model,size,parameters,steps_per_second,min,max,ns_per_point_and_parameter\n"
       << rows;
  if (!file.flush()) throw FileError(fmt::format("{} cannot be written", path.string()));
}

json to_json(const std::vector<Result>& results) {
  json list = json::array();
  for (const Result& r : results)
    list.push_back({{"size", r.size},
                    {"parameters", r.parameters},
                    {"rates", r.rates},
                    {"ns_per_point_and_parameter", r.unit_cost}});
  return list;
}

// Two figures for an axis: the speed, and the cost for a unit of work.
struct Figures {
  LineFigure speed, cost;

  explicit Figures(const std::string& axis) {
    for (LineFigure* figure : {&speed, &cost}) {
      figure->x_label = axis;
      figure->log_x = figure->log_y = true;
    }
    speed.name = "scaling_" + axis;
    speed.title = "Training speed against " + axis;
    speed.y_label = "steps per second";
    cost.name = "scaling_" + axis + "_cost";
    cost.title = "Cost of a unit of work against " + axis;
    cost.y_label = "ns per point and parameter";
  }

  void add(const std::string& model, const std::vector<Result>& results) {
    Series rates{.label = model}, costs{.label = model};
    for (const Result& r : results) {
      for (Series* series : {&rates, &costs}) series->x.push_back(static_cast<double>(r.size));
      rates.y.push_back(median(r.rates));
      costs.y.push_back(r.unit_cost);
    }
    speed.series.push_back(rates);
    cost.series.push_back(costs);
  }
};

}  // namespace

json study_scaling(const BenchmarkOptions& options) {
  std::filesystem::create_directories(options.scaling);
  set_threads(options.threads);
  fmt::print("{} threads, {} shards; {} s for each size; batch 128 unless it varies\n",
             options.threads, options.shards, options.seconds);
  json result;
  std::string rows;
  std::map<std::string, Figures> figures;
  for (const Line& line : all_lines()) {
    const std::vector<Result> results = measure_line(line, options);
    result[line.axis][line.model] = to_json(results);
    rows += csv_rows(line, results);
    write_csv(options.scaling, rows);  // after each line: what has been measured is kept
    figures.try_emplace(line.axis, line.axis).first->second.add(line.model, results);
  }
  for (const auto& [axis, both] : figures)
    for (const LineFigure* figure : {&both.speed, &both.cost})
      draw(*figure, {.directory = options.scaling});
  fmt::print("\nTables and figures are in {}\n", options.scaling.string());
  return result;
}

}  // namespace gradflow
