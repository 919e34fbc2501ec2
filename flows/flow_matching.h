// FlowMatching: learn the velocity that carries noise to data, then follow it.
//
// The one idea: draw straight lines from random noise points to data points; at a random place on a
// line, ask a network for the velocity, and penalise its squared distance from the line's own. Many
// lines pass through one place, so the network learns their mean there: and the field of mean
// velocities carries the whole noise distribution to the data distribution.
//   Lipman et al., "Flow matching for generative modeling" (2023), equations 6 and 23.
//
// The conditional form also tells the network the class of the data point, as a learned vector.
//
// Read next: experiments/programs/flow_matching.cpp.
#pragma once

#include <optional>

#include "flows/ode.h"
#include "nn/mlp.h"
#include "nn/data.h"

namespace gradflow {

struct FlowMatchingOptions {                     // what the network is
  std::vector<Index> hidden = {64, 64, 64, 64};  // sizes of its hidden layers
  Index classes = 0;                             // 0: unconditional
  Index class_dim = 10;                          // size of a class's vector
};

struct FlowMatching {
  // For points of `dim` coordinates. Throws ShapeError for a size below 1.
  FlowMatching(Index dim, const FlowMatchingOptions& options, Rng& rng);

  // The network: y (B, D), t (B, 1), labels (B, or none if unconditional) -> velocity (B, D).
  // Throws ShapeError if labels are missing, not wanted, or not of B.
  Var velocity(const Var& y, const Var& t, const std::vector<Index>& labels = {}) const;

  // Mean of |velocity - (y_1 - y_0)|^2 over the elements of one random place on each point's path.
  Var loss(const Data& batch, Rng& rng) const;

  // The same field as a function of y and t alone, for the solvers.
  Velocity field(const std::vector<Index>& labels = {}) const;

  // Points carried along the field, e.g. {0, 1, 1000} from noise to data, {1, 0, 1000} back.
  // labels: one for each point. Points are split among the threads; the result does not depend on
  // their number.
  Tensor carry(const Tensor& points, const TimeSpan& span, const std::vector<Index>& labels = {},
               Solver solver = euler) const;
  // The same with every state on the way: span.steps + 1 tensors (B, D).
  std::vector<Tensor> carry_states(const Tensor& points, const TimeSpan& span,
                                   const std::vector<Index>& labels = {},
                                   Solver solver = euler) const;
  Tensor sample(Index n, Rng& rng, Index steps = 1000) const;                           // (n, D)
  Tensor sample(const std::vector<Index>& labels, Rng& rng, Index steps = 1000) const;  // (B, D)

  Parameters parameters();  // "classes.weight" if conditional, "network.0.weight", ...

  Index dim;                         // D
  std::optional<Embedding> classes;  // the vectors of the classes, if there are such
  Mlp network;                       // [y, t, class vector] -> velocity
};

}  // namespace gradflow
