// Times: when the loss of flow matching asks its field.
//
// Read next: loss.h.
#pragma once

#include <cmath>
#include <functional>

#include "autograd/ops.h"
#include "tensor/random.h"

namespace gradflow {

// The times (n, 1), from 0 to 1, at which a batch is asked.
using Times = std::function<Tensor(Index n, Rng& rng)>;
inline Tensor uniform_times(Index n, Rng& rng) { return rng.uniform({n, 1}); }
// More of them near the data, where the field's edges form:   t = 1 - u^power,   u ~ U(0, 1)
// What the loss is smallest for stays the same: at each time that is the mean velocity. Throws
// ShapeError unless the power is finite, and at least 1.
inline Times late_times(real power) {
  require(power >= 1 && std::isfinite(power),
          "late_times: a power of {} given; it must be finite, and at least 1", power);
  return [power](Index n, Rng& rng) { return (1 - pow(rng.uniform({n, 1}), power)).value(); };
}

}  // namespace gradflow
