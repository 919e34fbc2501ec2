// fit: from the parts of a table to a model of it.
//
// The one idea: a flow must prove that it is worth it. So a Gaussian and a mixture of Gaussians are
// fitted, too, on the same rows; all are compared on rows that none of them was fitted to; and what
// is kept is the best there, which may be the mixture.
//
//   const TableModel model = fit(parts, {.model = "auto"});
//
// A flow is trained until its validation has not improved for `patience` epochs, and is then what
// it was when that was best. That must be many: at a high learning rate the validation stands still
// long before it would fall with the rate. The same options and the same table give the same bits,
// unless a limit of time cuts in.
//
// Read next: fit.cpp; model.h.
#pragma once

#include <atomic>

#include "experiments/run/training.h"
#include "experiments/table/model.h"

namespace gradflow {

struct FitOptions {
  std::string model = "auto";           // or one of kKinds
  std::vector<std::string> given = {};  // the last columns of the parts: conditions
  std::vector<double> grid = {};        // widths of noise for the other ones; empty: none
  // 0 epochs, a batch of 0: by the number of rows.
  TrainingOptions training{.epochs = 0, .batch = 0, .largest_gradient = 5};
  Index patience = 0;                                        // 0: a third of the epochs, or 20
  double seconds = std::numeric_limits<double>::infinity();  // for all of it, about
  // 0 layers or units: by the number of rows and columns.
  Architecture architecture{.layers = 0, .units = 0};
};

// What the caller wants to see, and where a fit keeps what it needs to go on; each may be empty.
struct FitWatch {
  std::function<void(const std::string& kind, const Progress& progress, double best)> on_step = {};
  std::function<void(const std::string& kind, const Estimate& on_validation)> on_model = {};
  const std::atomic<bool>* stop = nullptr;  // set it: what is best so far is returned
  std::filesystem::path directory = {};     // for checkpoints; empty: there are none
  bool resume = false;                      // go on from those, or for longer
};

// Throws FileError if conditions or checkpoints do not fit; NonFiniteError as train() does.
TableModel fit(const Split& parts, const FitOptions& options = {}, const FitWatch& watch = {});

// The kinds of models that `options.model` stands for, in the order in which they are fitted.
std::vector<std::string> kinds_to_fit(const std::string& model);

// "0.021 ± 0.004 nats a row better than the mixture": the best against the best of other kinds, on
// the same rows, so that what makes a row hard for both does not count.
Estimate difference(const std::vector<double>& log_p, const std::vector<double>& other);

}  // namespace gradflow
