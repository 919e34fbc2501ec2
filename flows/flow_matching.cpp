// What matters is in two places: loss(), which is what the model learns, and carry(), which is what
// it is for. The rest says who gets which labels.

#include "flows/flow_matching.h"

#include <algorithm>

#include "flows/path.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

void check_labels(bool conditional, const Shape& points, const std::vector<Index>& labels) {
  require(
      std::ssize(labels) == (conditional ? points[0] : 0),
      "FlowMatching: {} labels for points {} given; {}", labels.size(), points,
      conditional ? "one for each point is required" : "the model is unconditional and takes none");
}

// How many points a thread carries at a time: enough for the matrix products to be fast, few
// enough for several threads, and small enough to stay in the cache from step to step.
constexpr Index kChunk = 128;

}  // namespace

FlowMatching::FlowMatching(Index coordinates, const FlowMatchingOptions& options, Rng& rng)
    : dim(coordinates),
      classes(options.classes == 0
                  ? std::nullopt
                  : std::optional(Embedding(options.classes, options.class_dim, rng))),
      network(layer_sizes(dim + 1 + (classes ? options.class_dim : 0), options.hidden, dim), rng) {}

Var FlowMatching::velocity(const Var& y, const Var& t, const std::vector<Index>& labels) const {
  check_labels(classes.has_value(), y.shape(), labels);
  if (!classes) return network(concat({y, t}, 1));
  return network(concat({y, t, (*classes)(labels)}, 1));
}

Var FlowMatching::loss(const Data& batch, Rng& rng) const {
  const PathSample path = sample_linear_path(batch.points, rng);
  return mean(square(velocity(path.y_t, path.t, batch.labels) - path.velocity));
}

Velocity FlowMatching::field(const std::vector<Index>& labels) const {
  return [this, labels](const Tensor& y, real t) {
    return velocity(y, Tensor({y.rows(), 1}, t), labels).value();
  };
}

std::vector<Tensor> FlowMatching::carry_states(const Tensor& points, const TimeSpan& span,
                                               const std::vector<Index>& labels,
                                               Solver solver) const {
  return trajectory(field(labels), points, span, solver);
}

Tensor FlowMatching::carry(const Tensor& points, const TimeSpan& span,
                           const std::vector<Index>& labels, Solver solver) const {
  check_labels(classes.has_value(), points.shape(), labels);
  const Index n = points.rows();
  std::vector<Tensor> parts(static_cast<std::size_t>((n + kChunk - 1) / kChunk));
  parallel_for(std::ssize(parts), [&](Index i) {
    const Index begin = i * kChunk, end = std::min(n, begin + kChunk);
    const auto own = labels.empty()
                         ? std::vector<Index>{}
                         : std::vector<Index>(labels.begin() + begin, labels.begin() + end);
    parts[static_cast<std::size_t>(i)] =
        integrate(field(own), points.rows(begin, end), span, solver);
  });
  return parts.empty() ? points : kernel::concat(parts, 0);
}

Tensor FlowMatching::sample(Index n, Rng& rng, Index steps) const {
  return carry(rng.normal({n, dim}), {0, 1, steps});
}

Tensor FlowMatching::sample(const std::vector<Index>& labels, Rng& rng, Index steps) const {
  return carry(rng.normal({std::ssize(labels), dim}), {0, 1, steps}, labels);
}

Parameters FlowMatching::parameters() {
  Parameters list;
  if (classes) append(list, "classes.", classes->parameters());
  append(list, "network.", network.parameters());
  return list;
}

}  // namespace gradflow
