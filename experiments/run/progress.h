// What a person sees while a model trains: on a terminal a bar that moves, in a file a line an
// epoch.
#pragma once

#include <string>

#include "experiments/run/training.h"

namespace gradflow {

// For one training; what it draws is cleared at its end.
class ProgressBar {
 public:
  explicit ProgressBar(std::string name);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Redraws the bar, ten times a second at most. `note`: what else is known, behind the loss.
  void on_step(const Progress& progress, const std::string& note = {});
  void on_epoch(const Epoch& epoch, Index epochs);

 private:
  void clear();

  std::string name_;
  bool terminal_;
  bool drawn_ = false;
  double last_drawn_ = 0;
};

// What it draws: as much of it as fits into one line of a terminal of so many columns. The last
// column is left free, since a full line moves the cursor to the next one.
std::string progress_line(const Progress& progress, Index columns, const std::string& note = {});

}  // namespace gradflow
