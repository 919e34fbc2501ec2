// The standard normal distribution, where every flow begins.
#pragma once

#include "autograd/ops.h"

namespace gradflow {

// log N(z; 0, I) = -|z|^2 / 2 - (D / 2) log 2 pi:   z (B, D)  ->  (B)
inline Var standard_normal_log_prob(const Var& z) {
  constexpr real kLogTwoPi = real(1.8378770664093454836);
  return real(-0.5) * (sum(square(z), 1) + kLogTwoPi * real(z.shape()[1]));
}

}  // namespace gradflow
