// What the experiments have in common: train or load, save, say what is wrong.
//
// The one idea: a trained model is one file. <out>/<name>.safetensors holds the weights, whatever
// else the model needs (what its points are standardised by, permutations) and, as metadata, the
// settings and the whole history of its training. So figures can be drawn again from that file
// alone.
//
// Read next: experiment.h, which puts an experiment together.
#pragma once

#include <functional>

#include "experiments/run/files/safetensors.h"
#include "experiments/run/history.h"
#include "experiments/run/options.h"
#include "experiments/run/signals.h"

namespace gradflow {

// A model as a session sees it. `name` is that of its files and of its key in report.json.
struct Trainable {
  std::string name = {};
  Parameters parameters = {};   // of a model that stays where it is
  NamedTensors constants = {};  // what else belongs to it: saved beside the weights
  Loss loss = {};
  Data data = {};
  std::function<Metrics()> validate = {};  // after each epoch
};

// How a training has ended: the weights are saved; or it was stopped by a signal, and its
// checkpoint is saved. How to go on has been said then.
struct Outcome {
  History history = {};
  int stopped_by = 0;  // the signal; 0: it has ended
};

// Trains, with a progress bar, checkpoints after each epoch, a log (<name>_log.csv), and saves the
// result. `settings` are all that decide what is learned, those of `options` included.
Outcome train_and_save(const Trainable& model, const RunOptions& options, const Settings& settings,
                       const StopRequests& stop);

// What --figures-only and explain start from: takes the settings saved with the weights and returns
// the file's tensors and history. Throws FileError.
struct Saved {
  NamedTensors tensors = {};
  History history = {};
};
Saved load_saved(const std::string& name, const RunOptions& options, const Settings& settings);
// The same for a file that has been read; `path` is for the error messages.
Saved saved_in(TensorFile file, const std::string& name, const std::filesystem::path& path,
               const Settings& settings);
// The file of a model's weights.
std::filesystem::path weights_file(const std::string& name, const RunOptions& options);

// What is said when a signal ends a program whose weights are saved.
std::string going_on(const RunOptions& options);

// Sets the threads, makes the directory, runs `body`, and turns exceptions into one line on stderr
// and code 1. Returns the code with which the program should end: that of `body`, if nothing is
// wrong.
int run_program(const RunOptions& options, const std::function<int()>& body);

}  // namespace gradflow
