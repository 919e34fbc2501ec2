// Layers: Linear and Embedding.
//
// Each is a struct of Parameters and a call operator that takes a batch to a batch. Initial values
// follow PyTorch's defaults.
//
// Read next: mlp.h.
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

  // x (B, in) -> (B, out). Throws ShapeError for another x.
  Var operator()(const Var& x) const { return linear(x, W, b); }
  void visit(const Visitor& visit) {
    visit("weight", W);
    visit("bias", b);
  }

  Parameter W;  // (out, in)
  Parameter b;  // (out)
};

// A table of vectors, one for each of a number of classes.
struct Embedding {
  Embedding(Index classes, Index dim, Rng& rng);  // entries ~ N(0, 1), as in PyTorch

  // labels: B numbers from 0 to classes - 1 -> (B, dim). Throws ShapeError for other labels.
  Var operator()(const std::vector<Index>& labels) const;
  void visit(const Visitor& visit) { visit("weight", table); }

  Parameter table;  // (classes, dim)
};

}  // namespace gradflow
