// MaskedNetwork: a network in which a coordinate's results depend on the coordinates before it
// alone.
//
// The one idea: every unit has a degree: a coordinate its number, 1 to D; the context 0; hidden
// units 1 to D - 1 in turn. A unit sees those whose degree is not above its own, what is said of
// coordinate i those below i. All other weights are multiplied by 0, and so are their gradients.
//   Germain, Gregor, Murray, Larochelle, "MADE: masked autoencoder for distribution estimation"
//   (2015), equations 8 to 13.
//
// Read next: autoregressive.h, which uses it.
#pragma once

#include "flows/conditioner.h"

namespace gradflow {

class MaskedNetwork {
 public:
  // From D coordinates (and the context) to R numbers for each. Throws ShapeError for a hidden
  // layer of less than D - 1 units: some coordinates would not be seen.
  MaskedNetwork(Index dim, Index numbers, const ConditionerOptions& options, Rng& rng);

  Var operator()(const Var& input) const;  // (B, D + context) -> (B, D R): number r of i at i R + r
  void visit(const Visitor& visitor) { network_.visit(visitor); }  // "0.weight", ...

 private:
  Mlp network_;
  std::vector<Tensor> masks_;  // 0 or 1 for each weight of each layer
};

}  // namespace gradflow
