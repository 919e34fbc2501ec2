#include "nn/batch_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/watch.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

// sum += share g, or sum = share g for the first of the terms.
void add_share(const real* g, double share, bool first, real* sum, Index n) {
  const auto factor = static_cast<real>(share);
  if (first) {
#pragma omp simd
    for (Index i = 0; i < n; ++i) sum[i] = factor * g[i];
  } else {
#pragma omp simd
    for (Index i = 0; i < n; ++i) sum[i] += factor * g[i];
  }
}

double sum_of_squares(const real* x, Index n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (Index i = 0; i < n; ++i) total += double{x[i]} * double{x[i]};
  return total;
}

}  // namespace

BatchGradient::BatchGradient(Loss loss, Weights& weights, Index shards)
    : loss_(std::move(loss)), weights_(weights), gradient_(zeros(Shape{weights.count()})) {
  require(shards >= 1, "BatchGradient: {} shards given; at least 1", shards);
  shards_.resize(static_cast<std::size_t>(shards));
}

double BatchGradient::compute(const Data& data, std::span<const Index> rows, const Rng& rng) {
  const Index size = std::ssize(rows), count = std::min(std::ssize(shards_), size);
  require(size >= 1, "BatchGradient: {} rows given; at least 1", size);
  const std::span shards = std::span(shards_).first(static_cast<std::size_t>(count));
  parallel_for(count, [&](Index s) {
    Shard& shard = shards[static_cast<std::size_t>(s)];
    shard.rows.assign(rows.begin() + size * s / count, rows.begin() + size * (s + 1) / count);
    shard.share = static_cast<double>(shard.rows.size()) / static_cast<double>(size);
    shard.rng = rng.fork(static_cast<std::uint64_t>(s));
    run(shard, data);
  });
  double loss = 0;
  for (const Shard& shard : shards) loss += shard.share * shard.loss;
  add_up(shards);
  if (!std::isfinite(loss) || !std::isfinite(norm_))
    throw NonFiniteError(fmt::format("the {} is not finite (loss {}): {}",
                                     std::isfinite(loss) ? "gradient" : "loss", loss,
                                     cause(shards, data)));
  return loss;
}

// On a tape of its own.
void BatchGradient::run(Shard& shard, const Data& data) const {
  shard.gradient = {};  // that of the step before; its buffer can be used again
  Rng rng = shard.rng;
  Tape tape(weights_);
  const Var loss = loss_(data.rows(shard.rows), rng);
  require<GraphError>(loss.tracked(),
                      "BatchGradient: a loss that depends on none of the weights given; hint: are "
                      "they the parameters of this model?");
  shard.loss = loss.item();
  shard.gradient = tape.backward(loss).flat();
}

// gradient = sum over the shards, in their order, of share times the shard's. And its norm, from
// parts that do not depend on the number of threads.
void BatchGradient::add_up(std::span<const Shard> shards) {
  const Index count = weights_.count();
  real* const all = gradient_.mutable_data();
  std::vector<double> squares(static_cast<std::size_t>(parts_of(count)));
  parallel_parts(count, [&](Index part, Index begin, Index end) {
    const Index n = end - begin;
    real* const sum = all + begin;
    for (std::size_t s = 0; s < shards.size(); ++s)
      add_share(shards[s].gradient.data() + begin, shards[s].share, s == 0, sum, n);
    squares[static_cast<std::size_t>(part)] = sum_of_squares(sum, n);
  });
  double total = 0;
  for (const double square : squares) total += square;
  norm_ = std::sqrt(total);
}

// Looks at every number, of the data and then of the step, which runs again: where is the first
// that is not finite?
std::string BatchGradient::cause(std::span<const Shard> shards, const Data& data) const {
  for (const Shard& shard : shards)
    for (const Index row : shard.rows)
      if (!all_finite(data.points.rows(row, row + 1)))
        return fmt::format("row {} of the data is not finite", row);
  const WatchNumbers watch;
  for (Shard again : shards) {
    try {
      run(again, data);
    } catch (const NonFiniteError& found) {
      return found.what();
    }
  }
  return "each number is finite, but not their sum";
}

}  // namespace gradflow
