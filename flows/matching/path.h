// Path: the way from a noise point to a data point along which flow matching trains.
//
// The one idea: a path is a function of its two ends and the time, which gives the place there and
// the velocity. Where the ends come from is another question: pairing.h.
#pragma once

#include <functional>

#include "autograd/ops.h"

namespace gradflow {

struct OnPath {  // where a path is at a time, and how it goes on
  Var y_t;       // (B, D)
  Var velocity;  // (B, D): dy_t / dt
};

// y_0, y_1 (B, D), t (B, 1) from 0 to 1.
using Path = std::function<OnPath(const Var& y_0, const Var& y_1, const Var& t)>;

// Straight lines:   y_t = (1 - t) y_0 + t y_1      dy_t / dt = y_1 - y_0
// Lipman et al., "Flow matching for generative modeling" (2023), equation 22 with sigma_min = 0;
// Liu et al., "Flow straight and fast" (2023).
inline OnPath straight(const Var& y_0, const Var& y_1, const Var& t) {
  const Var velocity = y_1 - y_0;
  return {y_0 + t * velocity, velocity};
}

}  // namespace gradflow
