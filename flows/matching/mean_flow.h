// MeanFlow: data from noise in one step.
//
// The one idea: learn not the velocity at a time but the mean velocity u(y, s, t) from a time s, at
// the place y, to a later one t: then y + (t - s) u is where the path is at t, in a single step.
// Differentiate (t - s) u = integral of v from s to t by s, along the path:
//
//   u(y, s, t) = v(y, s) + (t - s) du/ds,      du/ds = (v . grad) u + the derivative by s
//
// So the network's own derivative along (v, 1, 0), forwards through it (tangents.h), makes the
// target that it is trained on; that target counts as a constant.
//   Geng et al., "Mean flows for one-step generative modeling" (2025), whose time runs from data to
//   noise. The tangent is the network's own velocity u(y, s, s), not the line's, which is a noisy
//   guess at it.
#pragma once

#include "flows/bijection.h"
#include "nn/data.h"
#include "nn/mlp.h"

namespace gradflow {

struct MeanFlowOptions {                         // what the network is, and how it is trained
  std::vector<Index> hidden = {64, 64, 64, 64};  // sizes of the hidden layers
  Activation activation = activations::silu;     // smooth, since it is differentiated
  real spans = real(0.25);  // the share of a batch in which s != t; the others learn the velocity
};

struct MeanFlow {
  // For points of `dim` coordinates. Throws ShapeError for a size below 1, and spans not from 0
  // to 1.
  MeanFlow(Index dim, const MeanFlowOptions& options, Rng& rng);

  Index dim() const { return network.out(); }  // D
  // y (B, D), s and t (B, 1) -> u (B, D). Throws ShapeError for other shapes.
  Var mean_velocity(const Var& y, const Var& s, const Var& t) const;
  struct AlongPath {   // numbers
    Tensor u, change;  // (B, D): u, and its derivative along (v, 1, 0)
  };
  // Both at y and with the velocity v (B, D), s and t (B, 1).
  AlongPath along_path(const Tensor& y, const Tensor& s, const Tensor& t, const Tensor& v) const;

  // Mean over the points of |u - target|^2 / (its own value + 0.001), where the divisor is a
  // constant, so that no point is louder than the others. Draws y_0, then the times.
  Var loss(const Data& batch, Rng& rng) const;

  // Noise (n, D) carried by so many steps of equal length. Throw ShapeError for other shapes, fewer
  // than 0 points, and less than one step.
  Tensor carry(const Tensor& noise, Index steps = 1) const;
  Tensor sample(Index n, Rng& rng, Index steps = 1) const;

  void visit(const Visitor& visitor) { visitor("network", network); }  // "network.0.weight", ...

  Mlp network;  // [y, s, t] -> u
  real spans;   // as in the options
};

}  // namespace gradflow
