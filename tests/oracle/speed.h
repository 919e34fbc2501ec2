// How long a step takes, for the programs that speed.py runs beside PyTorch.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "experiments/run/clock.h"
#include "tensor/shape.h"

namespace gradflow {

// Prints the name, and the microseconds of one of the `steps` that `run` takes, by this clock: the
// least of ten windows, which is what a busy machine disturbs least.
template <class Run>
void measure(const std::string& name, double budget, const Run& run, Index steps = 1,
             double (*clock)() = seconds_now) {
  run();
  double best = 1e9;
  for (const double end = seconds_now() + budget; seconds_now() < end;) {
    const double window = seconds_now() + budget / 10, began = clock();
    Index taken = 0;
    for (; seconds_now() < window; taken += steps) run();
    best = std::min(best, (clock() - began) / static_cast<double>(taken));
  }
  fmt::print("{} {:.1f}\n", name, best * 1e6);
}

}  // namespace gradflow
