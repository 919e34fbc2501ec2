// What the tests of bijections reckon with.
#pragma once

#include "autograd/ops.h"
#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

// A number that depends on all that a map gives, on each part in another way.
inline Var contracted(const Mapped& result) {
  Rng rng(4);
  const Tensor of_points = rng.normal(result.points.shape());
  const Tensor of_log_det = rng.normal(result.log_det.shape());
  return sum(of_points * result.points) + sum(of_log_det * result.log_det);
}

}  // namespace gradflow
