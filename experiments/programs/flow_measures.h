// What is measured of a normalizing flow on the rings, whatever its maps are.
#pragma once

#include "experiments/run/experiment.h"
#include "flows/flow.h"

namespace gradflow {

constexpr Index kValidationPoints = 50'000;

// The means over a set of points of -log p and of its two parts; on the training's threads.
Metrics validate_flow(const Flow& flow, const Tensor& points);

// Says how far it is from the floor and how many samples are on a ring, and returns what stands in
// report.json: the losses, these shares, and what becomes of the report's five points.
nlohmann::json measure_flow(const char* name, const Trained<Flow>& trained,
                            const RunOptions& options);

}  // namespace gradflow
