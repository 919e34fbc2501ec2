// Permutation: the coordinates in another order, so that the next coupling moves those that the
// last one kept. It keeps volume.
#pragma once

#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

class Permutation final : public Bijection {
 public:
  // to_data: x[i] = z[order[i]]. Throws ShapeError unless order has each of 0 ... D-1 once.
  explicit Permutation(std::vector<Index> order);

  static Permutation reversal(Index dim);            // the last coordinate first: for two, a swap
  static Permutation rotation(Index dim, Index by);  // the first `by` coordinates go to the end
  static Permutation random(Index dim, Rng& rng);    // any order; may be the identity

  const std::vector<Index>& order() const { return order_; }      // to_data: x[i] = z[order[i]]
  const std::vector<Index>& inverse() const { return inverse_; }  // to_latent: z[i] = x[inverse[i]]

  const char* name() const override { return "Permutation"; }
  Index dim() const override { return std::ssize(order_); }
  void visit(const Visitor& visitor) override;  // "order", as numbers; not trained

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;

  std::vector<Index> order_, inverse_;  // each undoes the other
};

}  // namespace gradflow
