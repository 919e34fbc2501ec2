// The zoo: all models of densities, by name, with how each is made from points.
//
// The one idea: to the table of `densities` a flow, a mixture of Gaussians and a kernel density are
// the same thing, a function from points to a density.
//
// Read next: densities.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "experiments/metrics/density_model.h"
#include "experiments/run/training.h"

namespace gradflow {

// What a training leaves: a density, and what can be saved of it.
struct Learned {
  DensityModel model = {};
  NamedTensors weights = {};  // of a flow
  bool stopped = false;       // before the end: there is no model
};

// A kind of model: its name, and how one is made.
struct Species {
  std::string name;
  // From standardised points (N, 2). When `stop` is set it returns early.
  std::function<Learned(const Tensor& points, const TrainingOptions& options,
                        const std::atomic<bool>& stop)>
      learn;
};

// All kinds, in the order of the table; and their names.
const std::vector<Species>& zoo();
std::vector<std::string> zoo_names();
// Throws Error, with all names, for another one.
const Species& species(const std::string& name);

}  // namespace gradflow
