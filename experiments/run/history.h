// History: how a model was trained, as it is saved with its weights.
#pragma once

#include <string>

#include "experiments/run/training.h"

namespace gradflow {

struct History {  // of a training, and the hash of what came out
  std::vector<Epoch> epochs = {};
  std::vector<Index> lengths = {};  // see TrainingState
  double seconds = 0;
  double steps_per_second = 0;
  std::string weights_hash = {};
  bool library_products = false;  // whether a product was left to a library: other bits elsewhere
};

// All but the hash, as one line of JSON; and back: throws FileError, or what the JSON library
// throws, unless it has epochs, all with the same metrics.
std::string to_text(const History& history);
History history_from(const std::string& text);

// The numbers of all epochs: their losses, or one of their metrics. Throws FileError if one of them
// does not have it.
std::vector<double> losses(const History& history);
std::vector<double> metric(const History& history, const std::string& name);

}  // namespace gradflow
