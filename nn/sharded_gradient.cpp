#include "nn/sharded_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tensor/threads/parallel.h"

namespace gradflow {

double ShardedGradient::compute(const Data& data, std::span<const Index> rows, const Rng& rng) {
  const Index size = std::ssize(rows), count = std::min(std::ssize(shards_), size);
  require(size >= 1, "ShardedGradient: {} rows given; at least 1", size);
  const std::span shards = std::span(shards_).first(static_cast<std::size_t>(count));
  parallel_for(count, [&](Index s) {
    Shard& shard = shards[static_cast<std::size_t>(s)];
    shard.rows.assign(rows.begin() + size * s / count, rows.begin() + size * (s + 1) / count);
    shard.rng = rng.fork(static_cast<std::uint64_t>(s));
    run(shard, data);
  });
  double loss = 0;
  bool finite = true;
  terms_.clear();
  for (const Shard& shard : shards) {
    const double share = static_cast<double>(shard.rows.size()) / static_cast<double>(size);
    const double factor = clip_factor(shard.length, largest_);
    loss += share * shard.loss;
    finite &= std::isfinite(shard.loss) && std::isfinite(shard.length);
    terms_.push_back({shard.gradient, static_cast<real>(share * factor)});
  }
  if (!finite) {
    terms_.clear();
    throw NonFiniteError(fmt::format("{} is not finite (loss {}): {}",
                                     std::isfinite(loss) ? blamed(shards) : "the loss", loss,
                                     cause(shards, data)));
  }
  return loss;
}

// On a tape of its own.
void ShardedGradient::run(Shard& shard, const Data& data) const {
  shard.gradient = {};  // that of the step before; its buffer can be used again
  Rng rng = shard.rng;
  Tape tape;
  const Var loss = loss_(data.rows(shard.rows), rng);
  shard.loss = loss.item();
  shard.gradient = flatten(tape.backward(loss), optimizer_.layout());
  shard.length = norm(shard.gradient);
}

// The first parameter whose gradient is not finite.
std::string ShardedGradient::blamed(std::span<const Shard> shards) const {
  for (std::size_t k = 0; k < optimizer_.parameters().size(); ++k) {
    const auto& [parameter, offset, n] = optimizer_.layout().places[k];
    for (const Shard& shard : shards)
      if (!all_finite(shard.gradient.rows(offset, offset + n)))
        return "the gradient of " + optimizer_.parameters()[k].name;
  }
  return "the norm of the gradient";
}

// Looks at every number, of the data and then of the step, which runs again: where is the first
// that is not finite?
std::string ShardedGradient::cause(std::span<const Shard> shards, const Data& data) const {
  for (const Shard& shard : shards)
    for (const Index row : shard.rows)
      if (!all_finite(data.points.rows(row, row + 1)))
        return fmt::format("row {} of the data is not finite", row);
  for (const Shard& shard : shards) {
    Rng rng = shard.rng;
    Tape tape(Tape::Watch::yes);
    try {
      tape.backward(loss_(data.rows(shard.rows), rng));
    } catch (const NonFiniteError& found) {
      std::string cause = found.what();
      for (const auto& [name, parameter] : optimizer_.parameters())
        if (parameter == tape.suspect()) cause += ", at parameter " + name;
      return cause;
    }
  }
  return "each number is finite, but not their sum";
}

}  // namespace gradflow
