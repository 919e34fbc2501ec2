// Layers: Linear, Mlp, Embedding.
//
// Each is a struct of Parameters and a call operator that takes a batch to a batch. Initial values
// follow PyTorch's defaults.
//
// Read next: optimizer.h, training.h.
#pragma once

#include <vector>

#include "autograd/ops.h"
#include "nn/parameters.h"
#include "tensor/random.h"

namespace gradflow {

// y = x W^T + b:   x (B, in)   ->   y (B, out)
struct Linear {
  // W and b ~ U(-1/sqrt(in), 1/sqrt(in)), as in PyTorch.
  // Throws ShapeError unless both sizes are at least 1.
  Linear(Index in, Index out, Rng& rng);

  Var operator()(const Var& x) const { return linear(x, W, b); }
  Parameters parameters() { return {{"weight", &W}, {"bias", &b}}; }

  Parameter W;  // (out, in)
  Parameter b;  // (out)
};

using Activation = Var (*)(const Var&);
inline Var default_activation(const Var& x) { return leaky_relu(x, real(0.01)); }

// A multi-layer perceptron: Linear layers with an activation between them, none after the last.
struct Mlp {
  // `sizes` are those of the input, of each hidden layer and of the output: {1, 8, 8, 1} has three
  // Linear layers. Throws ShapeError for fewer than two sizes.
  Mlp(const std::vector<Index>& sizes, Rng& rng, Activation activation = default_activation);

  Var operator()(const Var& x) const;  // (B, sizes.front()) -> (B, sizes.back())
  Parameters parameters();             // "0.weight", "0.bias", "1.weight", ...
  // The last layer's weights and biases become 0, so that the network begins as the constant 0.
  void zero_last_layer();

  std::vector<Linear> layers;
  Activation activation;
};

// A table of vectors, one for each of a number of classes.
struct Embedding {
  Embedding(Index classes, Index dim, Rng& rng);  // entries ~ N(0, 1), as in PyTorch

  // labels: B numbers from 0 to classes - 1 -> (B, dim). Throws ShapeError for other labels.
  Var operator()(const std::vector<Index>& labels) const { return gather(table, labels); }
  Parameters parameters() { return {{"weight", &table}}; }

  Parameter table;  // (classes, dim)
};

}  // namespace gradflow
