// What is measured of a normalizing flow on the rings, whatever its maps are.
#pragma once

#include "experiments/run/experiment.h"
#include "flows/flow.h"

namespace gradflow {

constexpr Index kValidationPoints = 50'000;

// What a flow is told of each point beside its coordinates: its class, as a row with a 1 (one_hot);
// nothing, if the flow wants none.
Var context_of(const Flow& flow, const Data& data);

// The mean of -log p over a batch, given the class if the flow wants it.
Var flow_loss(const Flow& flow, const Data& batch, Rng& rng);

// The means over a data set of -log p and of its two parts, given the class if the flow wants it;
// on the training's threads.
Metrics validate_flow(const Flow& flow, const Data& data);

// What validate_flow() has found after each epoch, as lists.
nlohmann::json validation_losses(const History& history);

// Says how far it is from the floor and how many samples are on a ring, and returns what stands in
// report.json: the losses, these shares, and what becomes of the report's five points.
nlohmann::json measure_flow(const char* name, const Trained<Flow>& trained,
                            const RunOptions& options);

}  // namespace gradflow
