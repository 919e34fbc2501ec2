#include "nn/layers.h"

#include <cmath>

namespace gradflow {

Linear::Linear(Index in, Index out, Rng& rng) {
  require(in >= 1 && out >= 1, "Linear: {} inputs and {} outputs given; at least 1 of each", in,
          out);
  const real bound = 1 / std::sqrt(real(in));
  W.value = rng.uniform({out, in}, -bound, bound);
  b.value = rng.uniform(Shape{out}, -bound, bound);
}

Embedding::Embedding(Index classes, Index dim, Rng& rng) {
  require(classes >= 1 && dim >= 1, "Embedding: {} classes of {} numbers given; at least 1 of each",
          classes, dim);
  table.value = rng.normal({classes, dim});
}

}  // namespace gradflow
