// ShardedGradient: the gradient of a batch, on several cores.
//
// The one idea: a batch is cut into a fixed number of shards; each shard records a tape of its own,
// with random numbers of its own, and the shards' gradients are added in their order. So the result
// depends on the number of shards and not on that of the threads: any number gives the same bits.
//
// Read next: experiments/run/training.h, the loop around it.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "nn/data.h"
#include "nn/optimizer.h"

namespace gradflow {

class ShardedGradient {
 public:
  // Of this loss, for this optimiser's parameters; the optimiser outlives it. Each shard's gradient
  // is clipped to the norm `largest` before they are averaged, so that a few wild points in one do
  // not drown what the others have to say. Throws ShapeError for less than one shard, and unless
  // `largest` is more than 0.
  ShardedGradient(Loss loss, const Optimizer& optimizer, Index shards, double largest)
      : loss_(std::move(loss)),
        optimizer_(optimizer),
        largest_(largest),
        shards_(static_cast<std::size_t>(std::max(shards, Index{0}))) {
    require(
        shards >= 1 && largest > 0,
        "ShardedGradient: {} shards and a largest norm of {} given; at least 1, and more than 0",
        shards, largest);
  }
  ShardedGradient(const ShardedGradient&) = delete;  // terms() point into it
  ShardedGradient& operator=(const ShardedGradient&) = delete;

  // The mean loss over these rows of the data; its gradient is then terms(). Throws NonFiniteError,
  // saying where it came from, if one of the two is not finite; ShapeError for no rows.
  double compute(const Data& data, std::span<const Index> rows, const Rng& rng);

  // What to add up, for Optimizer::step(). They point into this.
  const std::vector<Optimizer::Weighted>& terms() const { return terms_; }

 private:
  struct Shard {              // a part of a batch, and what it gave
    std::vector<Index> rows;  // of the data
    Rng rng{0};               // its own, as it was before the loss
    double loss = 0;          // mean over the rows
    Tensor gradient;          // (all parameters' numbers)
    double length = 0;        // of the gradient
  };
  void run(Shard& shard, const Data& data) const;
  std::string blamed(std::span<const Shard> shards) const;
  std::string cause(std::span<const Shard> shards, const Data& data) const;

  const Loss loss_;
  const Optimizer& optimizer_;
  double largest_;
  std::vector<Shard> shards_;
  std::vector<Optimizer::Weighted> terms_;
};

}  // namespace gradflow
