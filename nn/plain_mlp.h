// PlainMlp: an Mlp on plain memory, for the fused operations that contain one (mlp_fused.h,
// flows/coupling_fused.h). What it computes is written in mlp.cpp; nobody needs to read this to
// understand the models.
//
// The one idea: a batch lies features first, h (width, B) instead of (B, width), so that a layer is
// the same product transposed, W h instead of h W^T. It is then the batch, and not the width, that
// is cut into vectors: the narrow layers of a coupling's networks (1-8-8-8-8-1), and the narrow
// ends of wide networks, cost no more than their share. Bias and activation are applied while the
// product is in registers (kernel::gemm).
//
// Read next: plain_mlp.cpp.
#pragma once

#include <vector>

#include "nn/mlp.h"

namespace gradflow {

// out (n, m) = in (m, n) turned.
void turn(const real* in, Index m, Index n, real* out);

// Adds a network's parameters to a list, as they are visited.
void append_parameters(const Mlp& network, std::vector<const Parameter*>& list);

class PlainMlp {
 public:
  // Of this network as it is now. Its numbers are the network's own, or those in a block in which
  // they begin at `begin`, each layer's weights before its biases, as parameters are visited.
  PlainMlp(const Mlp& network, Index begin);

  // Whether it still says what this network is, if parameter_changes() is as it was.
  bool fits(const Mlp& network) const {
    return first_ == network.layers.data() && layers_.size() == network.layers.size() &&
           activation_ == network.activation;
  }

  // Whether it has no residual blocks, and an activation that can be done on plain memory, and is
  // worth it: wide layers are little but their products, which gain nothing, and a slope kept
  // beside each value costs them.
  static bool knows(const Mlp& network) {
    constexpr Index kWide = 256;
    if (network.blocks > 0) return false;
    if (network.layers.size() == 1 || network.activation.slope) return true;
    bool narrow = true;
    for (const Linear& layer : network.layers) narrow &= layer.W.shape()[0] <= kWide;
    return network.activation.plain && narrow;
  }

  Index in() const { return layers_.front().in; }   // the size of the input
  Index out() const { return layers_.back().out; }  // the size of the output
  Index end() const { return begin_of_next_; }      // of its numbers in the block
  Index kept() const {
    return activation_.plain ? 2 * hidden_ : hidden_;
  }                                         // rows of B numbers, from forward to backward
  Index widest() const { return widest_; }  // layer's size, input and output included

  // y (out, B) of x (in, B), with the numbers of the block. What is kept (kept(), B) is for the way
  // back. Without a block (null): by the network's own numbers, and no way back.
  void forward(Index B, const real* x, const real* block, real* kept, real* y) const;

  // The gradient of x from that of y, which is in d (out, B); and, unless `gradients` is null, that
  // of the block, in its place there. d and `spare`, (widest(), B) each, are both written to.
  // Returns where the gradient of x (in, B) is: in one of them, or null if it is not wanted.
  const real* backward(Index B, const real* x, const real* block, const real* kept, real* d,
                       real* spare, bool want_dx, real* gradients) const;

  // What it means, for the numbers of a block: x (B, in) -> (B, out).
  Var composed(const Var& x, const Var& block) const;

 private:
  struct Layer {
    Index in, out;
    Index at;     // of its numbers in the block: W (out, in), then b (out)
    Index given;  // the row of what is kept where its input begins; not of the first layer's.
                  // hidden_ rows behind are the slopes of the activation that it came from
    const real *own_W, *own_b;
    Index b_at() const { return at + in * out; }
    const real* W(const real* block) const { return block ? block + at : own_W; }
    const real* b(const real* block) const { return block ? block + b_at() : own_b; }
  };

  const Linear* first_;  // of the network's layers
  std::vector<Layer> layers_;
  Activation activation_;
  Index begin_of_next_, widest_ = 0;
  Index hidden_ = 0;  // units in all hidden layers
};

}  // namespace gradflow
