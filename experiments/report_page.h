// The report page: what one run measured, and the function that turns it into one HTML page.
//
// The idea: a number that is absent or was not finite is NaN here, and NaN is printed as a dash, so
// the page can be written from whatever part of the run exists. Every sentence that judges a number
// is chosen by that number.
//
// Read next: report_page.cpp (the page, from top to bottom), report.cpp (where the numbers come
// from).
#pragma once

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gradflow {

inline constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

// One of the report's five points y, and the latent z that a model gives it.
struct LatentPoint {
  std::array<double, 2> y{kAbsent, kAbsent};
  std::array<double, 2> z{kAbsent, kAbsent};
  double log_prob = kAbsent;   // normalizing flow only
  double log_prior = kAbsent;  // normalizing flow only
  double round_trip_error = kAbsent;
};

// What 1/dt steps of Euler's method make of the same noise.
struct EulerResult {
  double dt = kAbsent;
  double on_ring = kAbsent;
  double std = kAbsent;
};

// What every model reports.
struct Run {
  double parameters = kAbsent;
  std::vector<double> loss;  // one number an epoch
  double train_seconds = kAbsent;
  double steps_per_second = kAbsent;
  std::string seed;
  std::string weights_hash;
  std::vector<std::pair<std::string, std::string>> options;
};

struct NormalizingFlowRun : Run {
  std::vector<double> log_det;
  std::vector<double> log_prior;
  double on_ring = kAbsent;
  double near_ring = kAbsent;  // within 0.05 of the band
  std::vector<LatentPoint> points;
};

struct FlowMatchingRun : Run {
  std::vector<EulerResult> euler;        // velocity taken at the left end of a step
  std::vector<EulerResult> euler_right;  // and at its right end
  std::vector<LatentPoint> points;
};

struct ConditionalRun : Run {
  std::map<std::string, double> own_ring;  // by colour
};

struct Report {
  std::optional<NormalizingFlowRun> normalizing_flow;
  std::optional<FlowMatchingRun> flow_matching;
  std::optional<ConditionalRun> conditional;
};

// A figure as it lies on disk: the bytes of a PNG file, and the size that its header states.
struct Picture {
  std::string png;
  unsigned width = 0;
  unsigned height = 0;
};

using Pictures = std::map<std::string, Picture>;  // by file stem, e.g. "fig06_fm_loss"

// The whole page: one file, nothing external.
std::string report_page(const Report& report, const Pictures& pictures);

}  // namespace gradflow
