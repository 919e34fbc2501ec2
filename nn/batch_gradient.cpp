#include "nn/batch_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/watch.h"
#include "nn/ranks.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

// sum += share g, or sum = share g for the first of the terms.
void add_share(const real* g, double share, bool first, real* sum, Index n) {
  const auto factor = static_cast<real>(share);
  if (first) {
#pragma omp simd
    for (Index i = 0; i < n; ++i) sum[i] = factor * g[i];
  } else {  // a loop of its own: of both in one the compiler makes no vectors
#pragma omp simd
    for (Index i = 0; i < n; ++i) sum[i] += factor * g[i];
  }
}

struct Term {  // of a sum of gradients
  const real* gradient;
  double share;
};

// sum (n) = sum over the terms, in their order, of share times gradient.
void add_terms(const std::vector<Term>& terms, real* sum, Index n) {
  parallel_parts(n, [&](Index, Index begin, Index end) {
    for (const Term& term : terms)
      add_share(term.gradient + begin, term.share, &term == &terms.front(), sum + begin,
                end - begin);
  });
}

}  // namespace

BatchGradient::BatchGradient(Loss loss, Weights& weights, Index shards)
    : loss_(std::move(loss)), weights_(weights), gradient_(zeros(Shape{weights.count()})) {
  require(shards >= 1, "BatchGradient: {} shards given; at least 1", shards);
  shards_.resize(static_cast<std::size_t>(shards));
}

double BatchGradient::compute(const Data& data, std::span<const Index> rows, const Rng& rng) {
  const Index size = std::ssize(rows), count = std::min<Index>(std::ssize(shards_), size);
  require(size >= 1, "BatchGradient: {} rows given; at least 1", size);
  const std::span shards = std::span(shards_).first(static_cast<std::size_t>(count));
  for (Index s = 0; s < count; ++s) {
    Shard& shard = shards[static_cast<std::size_t>(s)];
    shard.rows.assign(rows.begin() + size * s / count, rows.begin() + size * (s + 1) / count);
    shard.share = static_cast<double>(shard.rows.size()) / static_cast<double>(size);
    shard.rng = rng.fork(static_cast<std::uint64_t>(s));
  }
  std::vector<double> losses(shards.size());
  const Index begin = own_begin(count, rank()), end = own_begin(count, rank() + 1);
  parallel_for(end - begin, [&](Index k) {
    const auto s = static_cast<std::size_t>(begin + k);
    losses[s] = run(shards[s], data);
  });
  complete(losses.data(), count);
  double loss = 0;
  for (std::size_t s = 0; s < losses.size(); ++s) loss += shards[s].share * losses[s];
  add_up(shards);
  if (!std::isfinite(loss) || !std::isfinite(norm_))
    throw NonFiniteError(fmt::format("the {} is not finite (loss {}): {}",
                                     std::isfinite(loss) ? "gradient" : "loss", loss,
                                     cause(shards, data)));
  return loss;
}

// On a tape of its own. Returns the mean loss over the shard's rows.
double BatchGradient::run(Shard& shard, const Data& data) const {
  shard.gradient = {};  // that of the step before; its buffer can be used again
  Rng rng = shard.rng;
  Tape tape(weights_);
  const Var loss = loss_(data.rows(shard.rows), rng);
  require<GraphError>(loss.tracked(),
                      "BatchGradient: a loss that depends on none of the weights given; hint: are "
                      "they the parameters of this model?");
  shard.gradient = tape.backward(loss).flat();
  return loss.item();
}

// gradient = sum over the shards, in their order, of share times the shard's; and its norm. Of
// several ranks each adds up the numbers that are its own, of all shards.
void BatchGradient::add_up(std::span<const Shard> shards) {
  const Index count = weights_.count();
  real* const all = gradient_.mutable_data();
  std::vector<Term> terms;
  if (ranks() == 1) {
    for (const Shard& shard : shards) terms.push_back({shard.gradient.data(), shard.share});
    add_terms(terms, all, count);
  } else {
    const Index begin = own_begin(count, rank()), n = own_begin(count, rank() + 1) - begin;
    const Tensor columns = own_columns(shards);
    for (std::size_t s = 0; s < shards.size(); ++s)
      terms.push_back({columns.data() + static_cast<Index>(s) * n, shards[s].share});
    add_terms(terms, all + begin, n);
    complete(all, count);
  }
  norm_ = global_norm(gradient_);
}

// The numbers that this rank adds up, of the gradients of all shards: (shards, own numbers).
Tensor BatchGradient::own_columns(std::span<const Shard> shards) const {
  const Index S = std::ssize(shards), count = weights_.count();
  const auto begin = [count](Index r) { return own_begin(count, r); };
  const Index first = own_begin(S, rank()), end = own_begin(S, rank() + 1);
  Tensor own_rows(Shape{(end - first) * count});
  real* out = own_rows.mutable_data();
  for (Index q = 0; q < ranks(); ++q)
    for (Index s = first; s < end; ++s) {
      const real* row = shards[static_cast<std::size_t>(s)].gradient.data();
      out = std::copy(row + begin(q), row + begin(q + 1), out);
    }
  Tensor columns(Shape{S, begin(rank() + 1) - begin(rank())});
  exchange(own_rows.data(), S, count, columns.mutable_data());
  return columns;
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
