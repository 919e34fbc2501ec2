// MaskedAutoregressive: each coordinate is moved by a univariate map whose raw numbers depend on
// all coordinates before it.
//
// The one idea: one network says the raw numbers of all coordinates in one pass, and masks take
// away every connection through which a coordinate would see itself or a later one. So the Jacobian
// is triangular. The way back has to be gone one coordinate after another: D passes.
//   Germain, Gregor, Murray, Larochelle, "MADE: masked autoencoder for distribution estimation"
//   (2015), equations 8 to 13; Papamakarios, Pavlakou, Murray, "Masked autoregressive flow for
//   density estimation" (2017). Turned round (chain.h: Inverse) it is an inverse autoregressive
//   flow: Kingma et al. (2016).
//
// Read next: recipes.h.
#pragma once

#include "flows/conditioner.h"
#include "flows/univariate/univariate.h"

namespace gradflow {

// The network with its masks. Every unit has a degree: a coordinate its number, 1 to D; the context
// 0; hidden units 1 to D - 1 in turn. A unit sees those whose degree is not above its own; what is
// said of coordinate i sees those below i.
class MaskedNetwork {
 public:
  // From D coordinates (and the context) to R numbers for each. Throws ShapeError for a hidden
  // layer of less than D - 1 units: some coordinates would not be seen.
  MaskedNetwork(Index dim, Index numbers, const ConditionerOptions& options, Rng& rng);

  Var operator()(const Var& input) const;  // (B, D + context) -> (B, D R): number r of i at i R + r
  void visit(const Visitor& visitor) { network_.visit(visitor); }

 private:
  Mlp network_;
  std::vector<Tensor> masks_;  // 0 or 1 for each weight of each layer
};

class MaskedAutoregressive final : public Bijection {
 public:
  // Throws ShapeError for less than one coordinate, and as MaskedNetwork does.
  MaskedAutoregressive(Index dim, Univariate univariate, const ConditionerOptions& options,
                       Rng& rng);

  const char* name() const override { return "MaskedAutoregressive"; }
  Index dim() const override { return dim_; }
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
