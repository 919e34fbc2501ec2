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

Embedding::Embedding(Index classes, Index dim, Rng& rng) {
  if (classes < 1 || dim < 1)
    throw ShapeError(
        fmt::format("Embedding: {} classes of {} numbers given; at least 1 of each", classes, dim));
  table.value = rng.normal({classes, dim});
}

}  // namespace gradflow
