// Data and Loss: what is learned from, and the number that is to be made small on it.
//
// Read next: batch_gradient.h.
#pragma once

#include <functional>
#include <vector>

#include "autograd/var.h"
#include "tensor/random.h"

namespace gradflow {

// Points with, if the data has classes, a label for each.
struct Data {
  Tensor points = {};              // (N, D)
  std::vector<Index> labels = {};  // N of them, or none

  Index size() const { return points.rows(); }  // N
  // Those rows, in that order. Throws ShapeError for a row that is not there, and if the labels are
  // not as many as the points.
  Data rows(const std::vector<Index>& indices) const {
    require(labels.empty() || std::ssize(labels) == size(),
            "Data: {} labels for {} points given; one for each, or none", labels.size(), size());
    Data part{kernel::gather(points, indices, 0, "Data::rows"), {}};
    for (const Index i : indices)
      if (!labels.empty()) part.labels.push_back(labels[static_cast<std::size_t>(i)]);
    return part;
  }
};

// The mean loss over a batch, a scalar. Called from several threads at once, with a shard of the
// batch and the shard's own random numbers; it must only read the model.
using Loss = std::function<Var(const Data& batch, Rng& rng)>;

}  // namespace gradflow
