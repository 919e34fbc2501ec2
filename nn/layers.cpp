#include "nn/layers.h"

#include <fmt/format.h>

#include <cmath>

#include "tensor/error.h"

namespace gradflow {

Linear::Linear(Index in, Index out, Rng& rng) {
  if (in < 1 || out < 1)
    throw ShapeError(
        fmt::format("Linear: {} inputs and {} outputs given; at least 1 of each", in, out));
  const real bound = 1 / std::sqrt(real(in));
  W.value = rng.uniform({out, in}, -bound, bound);
  b.value = rng.uniform(Shape{out}, -bound, bound);
}

Mlp::Mlp(const std::vector<Index>& sizes, Rng& rng, Activation between) : activation(between) {
  if (sizes.size() < 2)
    throw ShapeError(
        fmt::format("Mlp: {} sizes given; at least an input's and an output's", sizes.size()));
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    layers.emplace_back(sizes[i], sizes[i + 1], rng);
}

Var Mlp::operator()(const Var& x) const {
  Var h = x;
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) h = activation(layers[i](h));
  return layers.back()(h);
}

Parameters Mlp::parameters() {
  Parameters list;
  for (std::size_t i = 0; i < layers.size(); ++i)
    append(list, fmt::format("{}.", i), layers[i].parameters());
  return list;
}

void Mlp::zero_last_layer() {
  Linear& last = layers.back();
  last.W.value = zeros(last.W.value.shape());
  last.b.value = zeros(last.b.value.shape());
}

Embedding::Embedding(Index classes, Index dim, Rng& rng) {
  if (classes < 1 || dim < 1)
    throw ShapeError(
        fmt::format("Embedding: {} classes of {} numbers given; at least 1 of each", classes, dim));
  table.value = rng.normal({classes, dim});
}

}  // namespace gradflow
