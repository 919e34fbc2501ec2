// The training loop: epochs of shuffled batches, with what surrounds them in an experiment.
//
// The one idea: a run is a function of its settings alone. Each step is computed in shards
// (nn/batch_gradient.h), so that any number of threads gives the same bits; and since randomness
// comes from counters (tensor/random.h), the place where a run stands is (epoch, step): a run that
// was stopped continues as if it had not been, if somebody keeps that place, the parameters and the
// optimiser's memory (files/checkpoint.h). Several processes may train one model together
// (nn/ranks.h): all call train() with the same arguments, but for the hooks.
//
// In its simplest form, without all that, training is three lines:
//   Tape tape(weights);
//   const Var loss = -mean(flow.log_prob(batch));
//   adam.step(tape.backward(loss));
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/run/settings.h"
#include "nn/batch_gradient.h"

namespace gradflow {

struct TrainingOptions {        // how long, in what steps, from which random numbers
  Index epochs = 20;            // times that each point is seen
  Index batch = 128;            // points in a step
  Index shards = 2;             // how many parts of a batch may be computed at the same time
  double learning_rate = 1e-3;  // at the beginning; falls to 0 along a cosine
  // Longer gradients, of a batch each, are clipped to this norm; infinity: none are.
  double largest_gradient = 1;
  std::uint64_t seed = 0;  // of the order of the data and of the loss's random numbers
};
// What a command line may choose, and what a run that goes on must agree in.
Settings settings_of(TrainingOptions& options);

// What a loss is given in place of a batch, in as many rows: pairs of noise and points, say. It has
// random numbers of its own and may not read the model, for the next batch is prepared while this
// one trains (ahead.h). Nothing depends on that.
using Preparation = std::function<Data(const Data& batch, Rng& rng)>;

// Numbers by name, such as a validation loss.
using Metrics = std::map<std::string, double>;

struct Epoch {               // what is known of a finished epoch
  Index number = 0;          // from 1
  double loss = 0;           // mean over the epoch's training points
  double learning_rate = 0;  // of its steps
  double seconds = 0;        // of training and validation
  Metrics metrics = {};      // what `validate` returned
};

struct TrainingState {             // where a run stands: all that it does not find in its optimiser
  Index step = 0;                  // finished steps of the unfinished epoch
  double loss_sum = 0;             // of those steps' points
  double seconds = 0;              // spent on them
  std::vector<Epoch> epochs = {};  // the finished ones
  // How many there were to be: as the run was begun, and as often as it went on for another number.
  std::vector<Index> lengths = {};
};

struct Progress {               // where a run stands within an epoch
  Index epoch = 0, epochs = 0;  // epoch from 1
  Index step = 0, steps = 0;    // within the epoch
  double loss = 0;              // mean over the epoch so far
  double steps_per_second = 0;  // of this run
};

// What the caller wants to see or say while it runs; each may be empty. Of several processes each
// calls its own; `restore` is called by all or by none, and gives the same to all.
struct TrainingHooks {
  Preparation prepare = {};                         // empty: the loss is given the batch itself
  std::function<Metrics()> validate = {};           // after each epoch
  std::function<void(const Epoch&)> on_epoch = {};  // after each epoch, and for those resumed from
  std::function<void(const Progress&)> on_step = {};  // after each step
  const std::atomic<bool>* stop = nullptr;            // set it: training saves and returns
  // Keeps where the run stands: called after each epoch, and when it is stopped.
  std::function<void(const Optimizer&, const TrainingState&)> save = {};
  // Called before the first step: sets parameters and optimiser to those of a run that was saved
  // and returns where that stood; a TrainingState{} if there is none.
  std::function<TrainingState(Optimizer&)> restore = {};
};

struct TrainingResult {             // of the whole run
  std::vector<Epoch> epochs = {};   // those before a resume included
  bool stopped = false;             // by TrainingHooks::stop, before the end
  double seconds = 0;               // of all epochs, those before a resume included
  double steps_per_second = 0;      // steps / seconds
  std::vector<Index> lengths = {};  // see TrainingState
};

// The steps of an epoch; the last one may be of fewer points.
inline Index steps_in_epoch(Index points, Index batch) {
  return points > 0 ? (points - 1) / batch + 1 : 0;
}

// Trains these weights with Adam, clipped gradients and a cosine schedule.
//
// A run that goes on for another number of epochs than it was begun for follows the cosine of the
// new number from where it stands: 20 epochs that become 40 end at a rate near 0 and go on at half
// of the first one. The result is good, but not that of a run of 40 from the start. Throws
// ShapeError for options that make no sense; NonFiniteError, within the step, when a loss or a
// gradient is not finite (the model then is as it was before that step); Error if the weights of
// several processes have come to differ.
TrainingResult train(Weights& weights, const Loss& loss, const Data& data,
                     const TrainingOptions& options, const TrainingHooks& hooks = {});

}  // namespace gradflow
