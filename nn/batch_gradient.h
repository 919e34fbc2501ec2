// BatchGradient: the gradient of a batch, on several cores.
//
// The one idea: a batch is cut into a fixed number of shards; each shard records a tape of its own,
// with random numbers of its own, and the shards' gradients are added up in their order. So the
// result does not depend at all on the number of threads, or of processes (ranks.h), that share the
// shards: any number gives the same bits. It does depend on the number of shards: by rounding, and
// in which random numbers each row meets.
//
// Read next: experiments/run/training.h, the loop around it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "nn/data.h"
#include "nn/optimizer.h"

namespace gradflow {

class BatchGradient {
 public:
  // Of the mean of this loss, with respect to these weights, which outlive it. Throws ShapeError
  // for less than one shard.
  BatchGradient(Loss loss, Weights& weights, Index shards);

  // The mean loss over these rows of the data; its gradient is then gradient(), and that one's norm
  // norm(). Throws NonFiniteError, saying where it came from, if one of them is not finite;
  // GraphError if the loss depends on none of the weights; ShapeError for no rows.
  double compute(const Data& data, std::span<const Index> rows, const Rng& rng);

  const Tensor& gradient() const { return gradient_; }  // (weights.count())
  double norm() const { return norm_; }                 // Euclidean

 private:
  struct Shard {              // a part of a batch, and what it gave
    std::vector<Index> rows;  // of the data
    Rng rng{0};               // its own, as it was before the loss
    double share = 0;         // of the batch's rows
    Tensor gradient;          // (all parameters' numbers)
  };
  double run(Shard& shard, const Data& data) const;
  void add_up(std::span<const Shard> shards);
  Tensor own_columns(std::span<const Shard> shards) const;
  std::string cause(std::span<const Shard> shards, const Data& data) const;

  const Loss loss_;
  Weights& weights_;
  std::vector<Shard> shards_;
  Tensor gradient_;
  double norm_ = 0;
};

}  // namespace gradflow
