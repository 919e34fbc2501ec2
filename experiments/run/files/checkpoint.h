// A checkpoint: all that a training run needs to go on as if it had never stopped.
//
// It is a safetensors file: the parameters, the optimiser's state and the run's constants are its
// tensors; where the run stands, what it has measured and the settings it was started with are its
// metadata. Random numbers need no state of their own: they follow from the seed, the epoch and the
// step (tensor/random.h).
//
// The training loop knows nothing of files: keep_checkpoints() fills its hooks.
#pragma once

#include "experiments/run/files/safetensors.h"
#include "experiments/run/training.h"

namespace gradflow {

// What a run that continues must have in common with the one that was saved.
struct RunIdentity {
  Texts settings = {};  // by name
  // What the model or its data depend on and training does not change, such as permutations and the
  // normalisation.
  NamedTensors constants = {};
  Index epochs = 0, steps = 0;  // in all, in an epoch
};

// Of a training with these options on so many points; `settings` and `constants` are those of the
// model and of the data.
RunIdentity identity_of(TrainingOptions options, Index points, const Texts& settings,
                        const NamedTensors& constants);

// Makes a training of these parameters, of a model that stays where it is, save to `path` after
// each epoch and when it is stopped; and, with `resume`, begin where the run saved there stood, if
// the file is there.
void keep_checkpoints(TrainingHooks& hooks, const Parameters& parameters,
                      const std::filesystem::path& path, bool resume, const RunIdentity& run);

// Writes it all to a file, in one piece or not at all. Throws FileError.
void save_checkpoint(const std::filesystem::path& path, const Parameters& parameters,
                     const Optimizer& optimizer, const TrainingState& state,
                     const RunIdentity& run);

// Restores parameters and optimiser and returns where the run stood. Throws FileError, naming what
// differs, if the file is not a checkpoint of this version, of these settings and constants, of a
// model of these names and shapes; nothing is changed then. The number of epochs may be another
// one, as long as it is not below where the run stands.
TrainingState load_checkpoint(const std::filesystem::path& path, const Parameters& parameters,
                              Optimizer& optimizer, const RunIdentity& run);
// The same for a file that has been read. `name` is for the error messages.
TrainingState restore_checkpoint(const TensorFile& file, const std::string& name,
                                 const Parameters& parameters, Optimizer& optimizer,
                                 const RunIdentity& run);

}  // namespace gradflow
