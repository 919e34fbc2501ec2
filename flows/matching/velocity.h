// VelocityNetwork: a field that is learned: a network that is told the place and the time.
//
// By default its activation has a kink, which is quick to compute. For densities take a smooth one
// (silu, tanh, softplus): through kinks the divergence jumps, and a solver of fourth order becomes
// one of first order.
//
// Read next: loss.h, divergence.h.
#pragma once

#include "flows/bijection.h"
#include "flows/ode/integrate.h"
#include "nn/mlp.h"

namespace gradflow {

struct VelocityOptions {                            // what the network is
  std::vector<Index> hidden = {64, 64, 64, 64};     // sizes of the hidden layers
  Activation activation = activations::leaky_relu;  // between them
  Index context = 0;  // how many numbers are known of each point beside its coordinates
  // In place of t the network is told cos(k pi t) and sin(k pi t), k = 1 ... waves; 0: t itself.
  // With them it can change quickly in time where it must, near t = 1.
  Index waves = 0;
  // Beside y it is told cos(2^k y) and sin(2^k y) of each coordinate, k = 0 ... octaves - 1: then
  // it learns sharp edges, which a network otherwise learns last.
  //   Tancik et al., "Fourier features let networks learn high frequency functions in low
  //   dimensional domains" (2020).
  Index octaves = 0;
};

struct VelocityNetwork {
  // For points of `dim` coordinates. Throws ShapeError for a size below 1.
  VelocityNetwork(Index dim, const VelocityOptions& options, Rng& rng);

  // y (B, D), t (B, 1), context (B, context) or none -> (B, D). Throws ShapeError for other shapes.
  Var operator()(const Var& y, const Var& t, const Var& context = no_context) const;
  // What the network is given: [y, octaves of y, t, context], or waves in place of t.
  Var input(const Var& y, const Var& t, const Var& context) const;
  // How fast that changes, (B, in), where each point moves with y' (B, D) and all else stays; for
  // each of these directions.
  std::vector<Var> input_tangents(const Var& y, const std::vector<Var>& directions) const;
  // The same as a function of y and t alone, for the solvers. It refers to the network, which must
  // stay where it is as long as it is used.
  Field field(const Var& context = no_context) const&;
  Field field(const Var& context = no_context) const&& = delete;
  void visit(const Visitor& visitor) { network.visit(visitor); }  // "0.weight", ...

  Index dim, context, waves, octaves;  // D; how many numbers
  Mlp network;                         // input(y, t, context) -> velocity
};

}  // namespace gradflow
