// What a person sees while a model trains: on a terminal a bar that moves, in a file a line an
// epoch.
#pragma once

#include "experiments/run/training.h"

namespace gradflow {

// For one training; what it draws is cleared at its end.
class ProgressBar {
 public:
  explicit ProgressBar(std::string name);
  ~ProgressBar();

  void on_step(const Progress& progress);  // redraws the bar, ten times a second at most
  void on_epoch(const Epoch& epoch, Index epochs);

 private:
  void clear();

  std::string name_;
  bool terminal_;
  bool drawn_ = false;
  double last_drawn_ = 0;
};

}  // namespace gradflow
