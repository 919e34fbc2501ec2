// What the experiments left behind for the report page: report.json and the figures.
//
// The idea: all tolerance is here. A number that is absent, null or of the wrong type is read as
// NaN, such a list as an empty one, so the page never has to ask. Only a report.json that cannot be
// read at all is an error.
//
// Read next: report_page.h, what is made of it.
#pragma once

#include <array>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gradflow {

using Json = nlohmann::ordered_json;  // keeps the options in the order they were written
using Numbers = std::vector<double>;
inline constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

struct Report {
  Json normalizing_flow, flow_matching, conditional, beyond, spline;  // null: no such run
  std::map<std::string, std::string, std::less<>> pictures;           // PNG and GIF files by stem
  bool laboratory = false;  // whether the page of experiments/browser, gradflow.html, is there
};

// Reads report.json and the pictures in `folder`. Throws std::runtime_error.
Report read_report(const std::filesystem::path& folder);
// The same of a text, without pictures. `name` is for the error messages.
Report parse_report(const std::string& content, const std::string& name);

// What stands under a key; see above for what is not there.
Json child(const Json& object, const std::string& key);
double number(const Json& object, const std::string& key);
std::string text(const Json& object, const std::string& key);
Numbers numbers(const Json& object, const std::string& key);
// One key of every object in a list, e.g. the round_trip_error of the points.
Numbers column(const Json& object, const std::string& list, const std::string& key);
// The same for pairs of numbers.
std::vector<std::array<double, 2>> pairs(const Json& object, const std::string& list,
                                         const std::string& key);

// NaN beyond the end.
inline double at(const Numbers& values, std::size_t i) {
  return i < values.size() ? values[i] : kAbsent;
}
inline double first(const Numbers& values) { return at(values, 0); }
inline double last(const Numbers& values) { return values.empty() ? kAbsent : values.back(); }
// NaN if there are none, or if one of them is NaN.
double mean(const Numbers& values);
double smallest(const Numbers& values);
double largest(const Numbers& values);

}  // namespace gradflow
