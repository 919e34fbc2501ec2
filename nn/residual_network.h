// Residual networks: an Mlp, some of whose layers add to what they are given instead of replacing
// it.
//
// The one idea: two layers make a block, h + W_2 a(W_1 a(h) + b_1) + b_2 with the activation a.
// Blocks that do little leave h as it is. So a deep network begins as a shallow one, and gradients
// reach the first layer along the sums.
//   He, Zhang, Ren, Sun, "Identity mappings in deep residual networks" (2016), figure 1 (b); in the
//   networks of flows: Durkan et al., "Neural spline flows" (2019), appendix B.
//
// Its parameters are those of an Mlp with two more layers for each block, by the same names.
//
// Read next: flows/conditioner.h.
#pragma once

#include <functional>

#include "nn/mlp.h"

namespace gradflow {

// An Mlp of these sizes, and before its last layer `blocks` blocks as wide as the last hidden
// layer. Each begins close to the identity: W_2, b_2 ~ U(-0.001, 0.001). Throws ShapeError as Mlp
// does, for a negative number of blocks, and for blocks without a hidden layer.
Mlp residual_network(const std::vector<Index>& sizes, Index blocks, Rng& rng,
                     const Activation& between = activations::leaky_relu);

// What such a network says of x (B, in), if layer(l, h) is what its layer l makes of h.
Var through_blocks(const Mlp& network, const Var& x,
                   const std::function<Var(std::size_t l, const Var& h)>& layer);

}  // namespace gradflow
