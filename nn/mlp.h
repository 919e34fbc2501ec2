// Mlp: a multi-layer perceptron, the network inside every model of this project.
//
// It is written twice. `composed` is what it means: Linear layers with an activation between them,
// each an operation on the tape. The call operator computes the same as one operation, when the
// activation is the usual one: bias and activation are done inside the matrix products, the tape
// gets one node instead of nineteen, and the gradient is one pass through the layers. On the small
// networks of a normalizing flow that is several times faster. tests/nn/test_layers.cpp holds the two
// against each other.
//
// Read next: optimizer.h, sharded_gradient.h.
#pragma once

#include <vector>

#include "nn/layers.h"

namespace gradflow {

constexpr real kLeakySlope = real(0.01);  // of leaky_relu, the usual activation

// A function of each element, such as tanh; and the one that is used unless another is given.
using Activation = Var (*)(const Var&);
inline Var default_activation(const Var& x) { return leaky_relu(x, kLeakySlope); }

// {in, hidden..., out}: the sizes of an Mlp.
std::vector<Index> layer_sizes(Index in, std::vector<Index> hidden, Index out);

struct Mlp {
  // `sizes` are those of the input, of each hidden layer and of the output: {1, 8, 8, 1} has three
  // Linear layers. There is no activation after the last. Throws ShapeError for fewer than two
  // sizes.
  Mlp(const std::vector<Index>& sizes, Rng& rng, Activation activation = default_activation);

  Var operator()(const Var& x) const;  // (B, sizes.front()) -> (B, sizes.back())
  Var composed(const Var& x) const;    // the same, operation by operation

  Parameters parameters();  // "0.weight", "0.bias", "1.weight", ...
  // The last layer's weights and biases become 0, so that the network begins as the constant 0.
  void zero_last_layer();

  std::vector<Linear> layers;  // from the input to the output
  Activation activation;       // between them
};

}  // namespace gradflow
