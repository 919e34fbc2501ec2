#include "flows/linear/permutation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace gradflow {
namespace {

std::vector<Index> inverted(const std::vector<Index>& order) {
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

std::vector<Index> in_order(Index dim) {
  require(dim >= 1, "Permutation: {} coordinates given; at least 1", dim);
  std::vector<Index> order(static_cast<std::size_t>(dim));
  std::iota(order.begin(), order.end(), Index{0});
  return order;
}

// y[:, i] = points[:, order[i]]      d(points)[:, i] = dy[:, inverse[i]]
Var permuted(const Var& points, const std::vector<Index>& order,
             const std::vector<Index>& inverse) {
  return record("permutation", kernel::gather(points.value(), order, 1),
                wrt(points, [inverse](const Var& dy) { return gather(dy, inverse, 1); }));
}

Tensor as_numbers(const std::vector<Index>& order) {
  return Tensor(Shape{std::ssize(order)}, std::vector<real>(order.begin(), order.end()));
}

}  // namespace

Permutation::Permutation(std::vector<Index> order)
    : order_(std::move(order)), inverse_(inverted(order_)) {
  require(!order_.empty(), "Permutation: an order of no coordinates given; at least 1");
}

Permutation Permutation::reversal(Index dim) {
  std::vector<Index> order = in_order(dim);
  std::reverse(order.begin(), order.end());
  return Permutation(std::move(order));
}

Permutation Permutation::rotation(Index dim, Index by) {
  std::vector<Index> order = in_order(dim);
  require(0 <= by && by <= dim, "Permutation: a rotation by {} of {} coordinates given; by 0 to {}",
          by, dim, dim);
  std::rotate(order.begin(), order.begin() + by, order.end());
  return Permutation(std::move(order));
}

Permutation Permutation::random(Index dim, Rng& rng) {
  require(dim >= 1, "Permutation: {} coordinates given; at least 1", dim);
  return Permutation(rng.permutation(dim));
}

// z[i] = x[inverse[i]]
Mapped Permutation::map_to_latent(const Var& x, const Var&, LogDet) const {
  return {permuted(x, inverse_, order_)};
}

// x[i] = z[order[i]]
Mapped Permutation::map_to_data(const Var& z, const Var&, LogDet) const {
  return {permuted(z, order_, inverse_)};
}

void Permutation::visit(const Visitor& visitor) {
  visitor("order", as_numbers(order_), [this](const Tensor& numbers) {
    std::vector<Index> order;
    for (const real i : numbers.values()) {
      require(0 <= i && i < static_cast<real>(numbers.size()) && i == std::floor(i),
              "Permutation: {} in an order given; each of 0 to {} once is required", i,
              numbers.size() - 1);
      order.push_back(static_cast<Index>(i));
    }
    *this = Permutation(std::move(order));
  });
}

}  // namespace gradflow
