// Points that go through a flow a chunk at a time, by as many threads as there are.
#pragma once

#include <algorithm>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

// What part(begin, end) returns for the rows of each chunk, one below the other: (n, ...). A chunk
// has enough points for the matrix products to be fast, few enough for several threads, and small
// enough a number to stay in the cache from step to step.
template <class Part>
Tensor in_chunks(Index n, const Part& part) {
  constexpr Index kChunk = 128;
  std::vector<Tensor> parts(
      static_cast<std::size_t>(std::max<Index>(1, (n + kChunk - 1) / kChunk)));
  parallel_for(std::ssize(parts), [&](Index i) {
    parts[static_cast<std::size_t>(i)] = part(i * kChunk, std::min(n, (i + 1) * kChunk));
  });
  return kernel::concat(parts, 0);
}

}  // namespace gradflow
