// A checkpoint: all that a training run needs to go on as if it had never stopped.
//
// It is a safetensors file: the parameters, the optimiser's state and the run's constants are its
// tensors; where the run stands, what it has measured and the settings it was started with are its
// metadata. Random numbers need no state of their own: they follow from the seed, the epoch and the
// step (tensor/random.h).
#pragma once

#include "nn/training.h"
#include "tensor/safetensors.h"

namespace gradflow {

struct TrainingState {        // where a run stands
  Index epoch = 0;            // finished epochs
  Index step = 0;             // finished steps of the next one
  double loss_sum = 0;        // of those steps' points
  double seconds = 0;         // spent on the unfinished epoch
  std::vector<Epoch> epochs;  // the finished ones
};

// What a run that continues must have in common with the one that was saved.
struct RunIdentity {
  std::map<std::string, std::string> settings;  // by name
  NamedTensors constants;                       // see TrainingOptions
  Index epochs = 0, steps = 0;                  // in all, in an epoch
};

// Writes it all to a file, in one piece or not at all. Throws FileError.
void save_checkpoint(const std::filesystem::path& path, const Optimizer& optimizer,
                     const TrainingState& state, const RunIdentity& run);

// Restores the optimiser and its parameters and returns where the run stood. Throws FileError,
// naming what differs, if the file is not a checkpoint of this version, of these settings and
// constants, of a model of these shapes; nothing is changed then.
TrainingState load_checkpoint(const std::filesystem::path& path, Optimizer& optimizer,
                              const RunIdentity& run);
// The same for a file that has been read. `name` is for the error messages.
TrainingState restore_checkpoint(const TensorFile& file, const std::string& name,
                                 Optimizer& optimizer, const RunIdentity& run);

}  // namespace gradflow
