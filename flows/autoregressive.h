// MaskedAutoregressive: each coordinate is moved by a univariate map whose raw numbers depend on
// all coordinates before it.
//
// The one idea: one network says the raw numbers of all coordinates in one pass, and masks
// (masked_network.h) take away every connection through which a coordinate would see itself or a
// later one. So the Jacobian is triangular. The way back has to be gone one coordinate after
// another: D passes.
//   Papamakarios, Pavlakou, Murray, "Masked autoregressive flow for density estimation" (2017),
//   section 3.1. Turned round (chain.h: Inverse) it is an inverse autoregressive flow: Kingma et
//   al., "Improving variational inference with inverse autoregressive flow" (2016).
//
// Read next: recipes.h.
#pragma once

#include "flows/masked_network.h"
#include "flows/univariate/univariate.h"

namespace gradflow {

class MaskedAutoregressive final : public Bijection {
 public:
  // Throws ShapeError for less than one coordinate, and as MaskedNetwork does.
  MaskedAutoregressive(Index dim, Univariate univariate, const ConditionerOptions& options,
                       Rng& rng);

  const char* name() const override { return "MaskedAutoregressive"; }
  Index dim() const override {
    require_not_moved(univariate_.size() > 0, name());
    return dim_;
  }
  Index context() const override { return context_; }
  Passes passes() const override { return {1, dim_}; }
  void visit(const Visitor& visitor) override { network_.visit(visitor); }  // "0.weight", ...

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;

  Index dim_, context_;
  Univariate univariate_;
  MaskedNetwork network_;
};

}  // namespace gradflow
