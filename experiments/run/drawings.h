// Figures that wait to be drawn, all together at the end of an experiment.
#pragma once

#include <functional>
#include <vector>

#include "experiments/run/options.h"

namespace gradflow {

struct DrawingError
    : Error {  // figures that could not be drawn; one line, fit to be shown as it is
  using Error::Error;
};

using Drawing = std::function<void(const RunOptions& options)>;  // where to, and in which formats

// Tries all of them, on all threads; each leaves its table, even if there is no gnuplot. Throws
// DrawingError, with the first failure, if there was one.
void draw_all(const std::vector<Drawing>& drawings, const RunOptions& options);

}  // namespace gradflow
