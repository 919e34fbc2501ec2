#include "nn/layers.h"

#include <cmath>

namespace gradflow {

Linear::Linear(Index in, Index out, Rng& rng) {
  require(in >= 1 && out >= 1, "Linear: {} inputs and {} outputs given; at least 1 of each", in,
          out);
  const real bound = 1 / std::sqrt(real(in));
  W = rng.uniform({out, in}, -bound, bound);
  b = rng.uniform(Shape{out}, -bound, bound);
}

Embedding::Embedding(Index classes, Index dim, Rng& rng) {
  require(classes >= 1 && dim >= 1, "Embedding: {} classes of {} numbers given; at least 1 of each",
          classes, dim);
  table = rng.normal({classes, dim});
}

Var Embedding::operator()(const std::vector<Index>& labels) const {
  const Index classes = table.shape()[0];
  for (const Index label : labels)
    require(0 <= label && label < classes, "Embedding: label {} given; labels are 0 to {}", label,
            classes - 1);
  return gather(table, labels);
}

}  // namespace gradflow
