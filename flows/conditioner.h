// What the networks that condition univariate maps have in common: coupling.h, autoregressive.h.
#pragma once

#include "nn/residual_network.h"

namespace gradflow {

struct ConditionerOptions {                         // what the network is
  std::vector<Index> hidden = {8, 8, 8, 8};         // sizes of the hidden layers
  Index blocks = 0;                                 // residual blocks behind them
  Activation activation = activations::leaky_relu;  // between them
  bool start_as_identity = true;  // last layers zeroed: so are all raw numbers at the beginning
  Index context = 0;              // how many numbers are known of each point beside its coordinates
};

// The size of its context. Throws ShapeError for a negative one.
inline Index checked_context(const ConditionerOptions& options) {
  require(options.context >= 0, "conditioner: a context of {} numbers given; 0 or more",
          options.context);
  return options.context;
}

// The network, from `in` numbers to `out`.
inline Mlp conditioner(Index in, const ConditionerOptions& options, Index out, Rng& rng) {
  Mlp network = residual_network(layer_sizes(in, options.hidden, out), options.blocks, rng,
                                 options.activation);
  if (options.start_as_identity) network.zero_last_layer();
  return network;
}

// What a conditioner's network reads: points, and the context if there is one.
inline Var with_context(const Var& points, const Var& context, Index size) {
  return size == 0 ? points : concat({points, context}, 1);
}

}  // namespace gradflow
