#include "flows/permutation.h"

#include <fmt/ranges.h>

#include "autograd/ops.h"
#include "tensor/error.h"

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

// y[:, i] = points[:, order[i]]      d(points)[:, i] = dy[:, inverse[i]]
Mapped permuted(const char* op, const Var& points, const std::vector<Index>& order,
                const std::vector<Index>& inverse) {
  require(points.shape().rank() == 2 && points.shape()[1] == std::ssize(order),
          "Permutation::{}: points {} given; (B, {}) are required", op, points.shape(),
          order.size());
  return {record("permutation", kernel::gather(points.value(), order, 1),
                 wrt(points, [inverse](const Var& dy) { return gather(dy, inverse, 1); })),
          zeros(Shape{points.rows()})};
}

}  // namespace

Permutation::Permutation(std::vector<Index> to_data_order)
    : order(std::move(to_data_order)), inverse(inverted(order)) {}

Permutation Permutation::reversal(Index dim) {
  std::vector<Index> order;
  for (Index i = dim; i-- > 0;) order.push_back(i);
  return Permutation(std::move(order));
}

Permutation Permutation::random(Index dim, Rng& rng) { return Permutation(rng.permutation(dim)); }

// z[i] = x[inverse[i]]          log |det| = 0
Mapped Permutation::to_latent(const Var& x) const {
  return permuted("to_latent", x, inverse, order);
}

// x[i] = z[order[i]]            log |det| = 0
Mapped Permutation::to_data(const Var& z) const { return permuted("to_data", z, order, inverse); }

NamedTensors Permutation::constants() const {
  return {
      {"order", Tensor(Shape{std::ssize(order)}, std::vector<real>(order.begin(), order.end()))}};
}

void Permutation::set_constants(const NamedTensors& constants) {
  const auto found = constants.find("order");
  if (found == constants.end()) return;
  require(found->second.size() == std::ssize(order),
          "Permutation: order of shape {} given; ({}) is required", found->second.shape(),
          order.size());
  std::vector<Index> given;
  for (const real i : found->second.values())  // what is no index, NaN too, becomes one that is not
    given.push_back(i >= 0 && i < static_cast<real>(order.size()) ? static_cast<Index>(i) : -1);
  *this = Permutation(std::move(given));
}

}  // namespace gradflow
