// Pairing: which noise point leads to which data point.
//
// The one idea: any pairing of noise and data gives paths that begin as noise and end as data.
// Drawn independently they cross; one that joins what is near has straighter paths (optimal
// transport).
//   Tong et al., "Improving and generalizing flow-based generative models" (2024), section 3.2.
#pragma once

#include <functional>

#include "nn/data.h"

namespace gradflow {

// y_0 (B, D) and the batch -> the rows of y_0 in another order: row i goes with the batch's row i.
using Pairing = std::function<Tensor(const Tensor& y_0, const Data& batch)>;

// As they were drawn.
inline Tensor independent(const Tensor& y_0, const Data&) { return y_0; }

}  // namespace gradflow
