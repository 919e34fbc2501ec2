// What the three experiments have in common: train or load, save, report.
//
// The one idea: a trained model is one file. <out>/<name>.safetensors holds the weights, whatever
// else the model needs (normalisation, permutations) and, as metadata, the settings and the whole
// history of its training. So figures can be drawn again from that file alone.
//
// Read next: normalizing_flow.cpp, the first of the experiments.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "experiments/run/files/safetensors.h"
#include "experiments/run/options.h"
#include "nn/parameters.h"

namespace gradflow {

// A model as a session sees it. `name` is that of its files and of its key in report.json.
struct Trainable {
  std::string name = {};
  Parameters parameters = {};
  Loss loss = {};
  Data data = {};
  NamedTensors constants = {};  // saved beside the weights and in checkpoints
  std::function<Metrics()> validate = {};
};

struct History {  // of a training, and the hash of what came out
  std::vector<Epoch> epochs;
  double seconds = 0;
  double steps_per_second = 0;
  std::string weights_hash;
};

// Trains, with a progress bar, checkpoints after each epoch, a log (<name>_log.csv), and saves the
// result. Ctrl-C and SIGTERM save, say how to go on and end the program with 128 + the signal's
// number (130, 143); a second one ends it at once. After the training they say that what is missing
// can be had by --figures-only.
History train_and_save(const Trainable& model, const RunOptions& options);

// What --figures-only and explain start from: takes the settings saved with the weights into
// `options` and returns the file's tensors and history. Throws FileError.
struct Saved {
  NamedTensors tensors;
  History history;
};
Saved load_saved(const std::string& name, RunOptions& options);
// The same for a file that has been read; `path` is for the error messages.
Saved saved_in(TensorFile file, const std::string& name, const std::filesystem::path& path,
               RunOptions& options);

// Puts `section` under the key `name` into <out>/report.json, beside what stands there already.
void write_report(const std::filesystem::path& out, const std::string& name,
                  const nlohmann::json& section);
// The part that all sections share: parameters, seconds, seed, options, hash.
nlohmann::json report_basics(const Parameters& parameters, const History& history,
                             const RunOptions& options);

// Sets the threads, makes the directory, runs `body`, and turns exceptions into one line on stderr
// and exit code 1. Returns the program's exit code.
int run_experiment(const RunOptions& options, const std::function<void()>& body);

}  // namespace gradflow
