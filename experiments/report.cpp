// report: reads DIR/report.json and DIR/*.png, writes DIR/report.html.
//
// The idea: all tolerance is here. A key that is missing, null or of the wrong type becomes NaN or
// an empty list, so that the page itself never has to ask. Only a report.json that cannot be read
// at all is an error.
//
// Read next: report_page.h (what is read), report_page.cpp (what is written).
#include "experiments/report_page.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace gradflow {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;  // keeps the options in the order they were written

// ------------------------------------------------------------------------------ tolerant reading

// The value under `key`, or null: find() on anything but an object finds nothing.
Json value(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? Json() : *found;
}

double number(const Json& json) { return json.is_number() ? json.get<double>() : kAbsent; }

double number(const Json& object, const std::string& key) { return number(value(object, key)); }

// A string as it is, anything else as JSON spells it: a 64-bit seed must not pass through a double.
std::string text(const Json& json) {
  if (json.is_null()) return "";
  return json.is_string() ? json.get<std::string>() : json.dump();
}

// The items of a list, or of an object; of anything else, none (Json would iterate over a number).
Json items(const Json& object, const std::string& key) {
  Json list = value(object, key);
  return list.is_structured() ? list : Json::array();
}

std::vector<double> numbers(const Json& object, const std::string& key) {
  std::vector<double> result;
  for (const Json& item : items(object, key)) result.push_back(number(item));
  return result;
}

std::array<double, 2> pair_of_numbers(const Json& object, const std::string& key) {
  const std::vector<double> both = numbers(object, key);
  return both.size() == 2 ? std::array{both[0], both[1]} : std::array{kAbsent, kAbsent};
}

// --------------------------------------------------------------------------- the parts of a report

std::vector<LatentPoint> read_points(const Json& run) {
  std::vector<LatentPoint> points;
  for (const Json& point : items(run, "points")) {
    points.push_back({.y = pair_of_numbers(point, "y"),
                      .z = pair_of_numbers(point, "z"),
                      .log_prob = number(point, "log_prob"),
                      .log_prior = number(point, "log_prior"),
                      .round_trip_error = number(point, "round_trip_error")});
  }
  return points;
}

std::vector<EulerResult> read_euler(const Json& run, const std::string& key) {
  std::vector<EulerResult> results;
  for (const Json& row : items(run, key)) {
    const EulerResult result{
        .dt = number(row, "dt"), .on_ring = number(row, "on_ring"), .std = number(row, "std")};
    if (result.dt > 0) results.push_back(result);  // without its step a result says nothing
  }
  return results;
}

void read_common(const Json& json, const std::string& loss_key, Run& run) {
  run.parameters = number(json, "parameters");
  run.loss = numbers(json, loss_key);
  run.train_seconds = number(json, "train_seconds");
  run.steps_per_second = number(json, "steps_per_second");
  run.seed = text(value(json, "seed"));
  run.weights_hash = text(value(json, "weights_hash"));
  const Json options = value(json, "options");
  if (!options.is_object()) return;
  for (const auto& [name, setting] : options.items()) run.options.emplace_back(name, text(setting));
}

NormalizingFlowRun read_normalizing_flow(const Json& json) {
  NormalizingFlowRun run;
  read_common(json, "validation_nll", run);
  run.log_det = numbers(json, "log_det");
  run.log_prior = numbers(json, "log_prior");
  run.on_ring = number(json, "on_ring");
  run.near_ring = number(json, "within_0.05");
  run.points = read_points(json);
  return run;
}

FlowMatchingRun read_flow_matching(const Json& json) {
  FlowMatchingRun run;
  read_common(json, "loss", run);
  run.euler = read_euler(json, "euler");
  run.euler_right = read_euler(json, "euler_right");
  run.points = read_points(json);
  return run;
}

ConditionalRun read_conditional(const Json& json) {
  ConditionalRun run;
  read_common(json, "loss", run);
  const Json shares = value(json, "own_ring");
  if (!shares.is_object()) return run;
  for (const auto& [colour, share] : shares.items()) run.own_ring[colour] = number(share);
  return run;
}

// ------------------------------------------------------------------------------------------ files

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) throw std::runtime_error(fmt::format("cannot read {}", path.string()));
  return bytes.str();
}

Json read_json(const fs::path& path) {
  if (!fs::is_regular_file(path)) {
    throw std::runtime_error(fmt::format(
        "no {}; train at least one model first: experiments/reproduce.sh", path.string()));
  }
  const Json json = [&] {
    try {
      return Json::parse(read_file(path));
    } catch (const Json::exception& error) {
      throw std::runtime_error(
          fmt::format("{} is not valid JSON: {}", path.string(), error.what()));
    }
  }();
  if (!json.is_object()) {
    throw std::runtime_error(fmt::format("{}: must hold one JSON object", path.string()));
  }
  return json;
}

Report read_report(const fs::path& path) {
  const Json json = read_json(path);
  Report report;
  const Json nf = value(json, "normalizing_flow");
  const Json fm = value(json, "flow_matching");
  const Json cfm = value(json, "conditional_flow_matching");
  if (nf.is_object()) report.normalizing_flow = read_normalizing_flow(nf);
  if (fm.is_object()) report.flow_matching = read_flow_matching(fm);
  if (cfm.is_object()) report.conditional = read_conditional(cfm);
  return report;
}

// A PNG file starts with 8 fixed bytes and the IHDR chunk, which states width and height at bytes
// 16 and 20, big-endian. Anything else is no picture, e.g. the empty file of a plot that failed.
std::optional<Picture> read_picture(const fs::path& path) {
  std::string png = read_file(path);
  if (png.size() < 24 || png.compare(0, 8, "\x89PNG\r\n\x1a\n") != 0) return std::nullopt;
  const auto big_endian = [&png](std::size_t at) {
    unsigned result = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      result = result << 8 | static_cast<unsigned char>(png[i]);
    }
    return result;
  };
  const unsigned width = big_endian(16);
  const unsigned height = big_endian(20);
  return Picture{std::move(png), width, height};
}

Pictures read_pictures(const fs::path& folder) {
  Pictures pictures;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".png" || !entry.is_regular_file()) continue;
    std::optional<Picture> picture = read_picture(path);
    if (picture) pictures.emplace(path.stem().string(), std::move(*picture));
  }
  return pictures;
}

// Written beside its place and renamed: who opens the page never sees half of one.
void write_file(const fs::path& path, const std::string& content) {
  const fs::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error(fmt::format("cannot write {}", temporary.string()));
  fs::rename(temporary, path);
}

// Returns the exit code.
int make_report(const fs::path& folder) {
  const Report report = read_report(folder / "report.json");
  const Pictures pictures = read_pictures(folder);
  const fs::path page = folder / "report.html";
  write_file(page, report_page(report, pictures));

  const int models = report.normalizing_flow.has_value() + report.flow_matching.has_value() +
                     report.conditional.has_value();
  fmt::print("{}: {} of 3 models, {} figures\n", page.string(), models, pictures.size());
  if (models > 0) return 0;
  fmt::print(stderr, "report: {} holds no model; train one: experiments/reproduce.sh\n",
             (folder / "report.json").string());
  return 1;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  CLI::App app{"Write the report page, DIR/report.html, from DIR/report.json and DIR/*.png"};
  std::string folder = "results";
  app.add_option("--out", folder, "the folder the experiments wrote to")
      ->type_name("DIR")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return gradflow::make_report(folder);
  } catch (const std::exception& error) {
    fmt::print(stderr, "report: {}\n", error.what());
    return 1;
  }
}
