// A checkpoint: all that a training run needs to go on as if it had never stopped.
//
// It is a safetensors file: the parameters and the optimiser's state are its tensors; where the run
// stands, what it has measured and the settings it was started with are its metadata.
#pragma once

#include "nn/training.h"

namespace gradflow {

struct TrainingState {
  Index epoch = 0;      // finished epochs
  Index step = 0;       // finished steps of the next one
  double loss_sum = 0;  // of those steps' points
  double seconds = 0;   // spent on the unfinished epoch
  std::vector<Epoch> epochs;
};

// Throws FileError.
void save_checkpoint(const std::filesystem::path& path, const Optimizer& optimizer,
                     const TrainingState& state,
                     const std::map<std::string, std::string>& settings);

// Restores the optimiser and its parameters and returns where the run stood. Throws FileError,
// naming what differs, if the file is not a checkpoint of this version, of these settings, of a
// model of these shapes.
TrainingState load_checkpoint(const std::filesystem::path& path, Optimizer& optimizer,
                              const std::map<std::string, std::string>& settings);

}  // namespace gradflow
