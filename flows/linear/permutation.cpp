#include "flows/linear/permutation.h"

#include <fmt/ranges.h>

#include <cmath>

namespace gradflow {
namespace {

std::vector<Index> inverted(const std::vector<Index>& order) {
  require(!order.empty(), "Permutation: an order of no coordinates given; at least 1");
  std::vector<Index> inverse(order.size(), -1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Index to = order[i];
    require(0 <= to && to < std::ssize(order) && inverse[static_cast<std::size_t>(to)] == -1,
            "Permutation: order {} given; each of 0 to {} once is required", order,
            std::ssize(order) - 1);
    inverse[static_cast<std::size_t>(to)] = static_cast<Index>(i);
  }
  return inverse;
}

// y[:, i] = points[:, order[i]]      d(points)[:, i] = dy[:, inverse[i]]
Var permuted(const Var& points, const std::vector<Index>& order,
             const std::vector<Index>& inverse) {
  return record("permutation", kernel::gather(points.value(), order, 1),
                wrt(points, [inverse](const Var& dy) { return gather(dy, inverse, 1); }));
}

}  // namespace

Permutation::Permutation(std::vector<Index> order)
    : order_(std::move(order)), inverse_(inverted(order_)) {}

Permutation Permutation::reversal(Index dim) {
  std::vector<Index> order;
  for (Index i = dim; i-- > 0;) order.push_back(i);
  return Permutation(std::move(order));
}

Permutation Permutation::rotation(Index dim, Index by) {
  std::vector<Index> order;
  for (Index i = 0; i < dim; ++i) order.push_back((i + by) % dim);
  return Permutation(std::move(order));
}

Permutation Permutation::random(Index dim, Rng& rng) { return Permutation(rng.permutation(dim)); }

// z[i] = x[inverse[i]]
Mapped Permutation::map_to_latent(const Var& x, const Var&, LogDet) const {
  return {permuted(x, inverse_, order_)};
}

// x[i] = z[order[i]]
Mapped Permutation::map_to_data(const Var& z, const Var&, LogDet) const {
  return {permuted(z, order_, inverse_)};
}

void Permutation::visit(const Visitor& visitor) {
  const std::vector<real> numbers(order_.begin(), order_.end());
  visitor("order", Tensor(Shape{dim()}, numbers), [this](const Tensor& given) {
    std::vector<Index> order;
    for (const real i : given.values()) {
      require(0 <= i && i < static_cast<real>(given.size()) && i == std::floor(i),
              "Permutation: {} in an order given; each of 0 to {} once is required", i,
              given.size() - 1);
      order.push_back(static_cast<Index>(i));
    }
    *this = Permutation(std::move(order));
  });
}

}  // namespace gradflow
