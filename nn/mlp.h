// Mlp: a multi-layer perceptron, the network inside every model of this project.
//
// `composed` is what it means: Linear layers with an activation between them, each an operation on
// the tape. The call operator computes the same, as one operation if it can (mlp_fused.h): on the
// small networks of a normalizing flow that is several times faster. tests/nn/test_layers.cpp holds
// the two against each other.
//
// Read next: optimizer.h, batch_gradient.h.
#pragma once

#include <span>
#include <vector>

#include "nn/activation.h"
#include "nn/layers.h"

namespace gradflow {

// {in, hidden..., out}: the sizes of an Mlp.
std::vector<Index> layer_sizes(Index in, std::vector<Index> hidden, Index out);

struct Mlp {
  // `sizes` are those of the input, of each hidden layer and of the output: {1, 8, 8, 1} has three
  // Linear layers. There is no activation after the last. Throws ShapeError for fewer than two
  // sizes.
  Mlp(const std::vector<Index>& sizes, Rng& rng,
      const Activation& between = activations::leaky_relu);

  Var operator()(const Var& x) const;  // (B, in) -> (B, out)
  Var composed(const Var& x) const;    // the same, operation by operation

  Index in() const;                  // the size of the input
  Index out() const;                 // the size of the output
  void visit(const Visitor& visit);  // "0.weight", "0.bias", "1.weight", ...
  // The last layer's weights and biases become 0, so that the network begins as the constant 0.
  void zero_last_layer();

  std::vector<Linear> layers;  // from the input to the output
  Activation activation;       // between them
  Index blocks = 0;            // pairs before the last that add to their input (residual_network.h)
};

// R networks that read the same x (B, in) and have outputs of one size M, in turn: the k-th output
// of network r is at k R + r -> (B, M R). As one operation if it can; `composed` is what it means.
Var interleaved(const Var& x, std::span<const Mlp> networks);
Var composed_interleaved(const Var& x, std::span<const Mlp> networks);

}  // namespace gradflow
