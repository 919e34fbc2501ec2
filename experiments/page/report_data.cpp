#include "experiments/page/report_data.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "experiments/run/files/file.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

// One object, nested no deeper than a report is: copies of JSON need a stack as deep.
Json parse_object(const std::string& content, const std::string& name) {
  constexpr int kDeepest = 100;
  bool deep = false;
  try {
    Json json = Json::parse(content, [&deep](int depth, Json::parse_event_t, Json&) {
      return !(deep |= depth > kDeepest);
    });
    if (json.is_object() && !deep) return json;
  } catch (const Json::exception& error) {
    throw std::runtime_error(fmt::format("{} is not valid JSON: {}", name, error.what()));
  }
  throw std::runtime_error(
      fmt::format("{}: must hold one JSON object, nested at most {} deep", name, kDeepest));
}

Json object_or_null(const Json& json) { return json.is_object() ? json : Json(); }

// The items of a list; of anything else, none.
Json items(const Json& object, const std::string& key) {
  Json list = child(object, key);
  return list.is_array() ? list : Json::array();
}

double number_in(const Json& json) { return json.is_number() ? json.get<double>() : kAbsent; }

}  // namespace

Report parse_report(const std::string& content, const std::string& name) {
  const Json json = parse_object(content, name);
  return {object_or_null(child(json, "normalizing_flow")),
          object_or_null(child(json, "flow_matching")),
          object_or_null(child(json, "conditional_flow_matching")),
          object_or_null(child(json, "beyond")),
          object_or_null(child(json, "spline_flow")),
          {}};
}

Report read_report(const fs::path& folder) {
  const fs::path json = folder / "report.json";
  if (!fs::is_regular_file(json))
    throw std::runtime_error(fmt::format(
        "no {}; train at least one model first: experiments/reproduce.sh", json.string()));
  Report report = parse_report(read_file(json), json.string());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if ((path.extension() != ".png" && path.extension() != ".gif") || !entry.is_regular_file())
      continue;
    std::string bytes = read_file(path);
    // Anything else is no picture, e.g. the empty file of a plot that failed.
    if (bytes.starts_with("\x89PNG\r\n\x1a\n") || bytes.starts_with("GIF8"))
      report.pictures[path.stem().string()] = std::move(bytes);
  }
  report.laboratory = fs::exists(folder / "gradflow.html");
  return report;
}

// find() on anything but an object finds nothing.
Json child(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? Json() : *found;
}

double number(const Json& object, const std::string& key) { return number_in(child(object, key)); }

// A string as it is, anything else as JSON spells it: a 64-bit seed must not pass through a double.
std::string text(const Json& object, const std::string& key) {
  const Json json = child(object, key);
  return json.is_null() ? "" : json.is_string() ? json.get<std::string>() : json.dump();
}

Numbers numbers(const Json& object, const std::string& key) {
  Numbers result;
  for (const Json& item : items(object, key)) result.push_back(number_in(item));
  return result;
}

Numbers column(const Json& object, const std::string& list, const std::string& key) {
  Numbers result;
  for (const Json& item : items(object, list)) result.push_back(number(item, key));
  return result;
}

std::vector<std::array<double, 2>> pairs(const Json& object, const std::string& list,
                                         const std::string& key) {
  std::vector<std::array<double, 2>> result;
  for (const Json& item : items(object, list))
    result.push_back({at(numbers(item, key), 0), at(numbers(item, key), 1)});
  return result;
}

double mean(const Numbers& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double smallest(const Numbers& values) {
  return std::isnan(mean(values)) ? kAbsent : std::ranges::min(values);
}

double largest(const Numbers& values) {
  return std::isnan(mean(values)) ? kAbsent : std::ranges::max(values);
}

}  // namespace gradflow
