// The path from noise to data along which flow matching trains: straight lines.
//
//   y_t = (1 - t) y_0 + t y_1       y_0 ~ N(0, I),  y_1 a data point,  t ~ U(0, 1)
//   dy_t / dt = y_1 - y_0           the velocity to be learned
//
// Lipman et al., "Flow matching for generative modeling" (2023), equation 22 with sigma_min = 0;
// Liu et al., "Flow straight and fast" (2023).
#pragma once

#include "autograd/ops.h"
#include "tensor/random.h"

namespace gradflow {

struct PathSample {  // a place on each of B paths
  Tensor y_t;        // (B, D)
  Tensor t;          // (B, 1)
  Tensor velocity;   // (B, D)
};

// One random place on the path to each data point y_1 (B, D).
inline PathSample sample_linear_path(const Tensor& y_1, Rng& rng) {
  const Tensor y_0 = rng.normal(y_1.shape());
  const Tensor t = rng.uniform({y_1.rows(), 1});
  const Tensor velocity = (y_1 - y_0).value();
  return {(y_0 + t * velocity).value(), t, velocity};
}

}  // namespace gradflow
