// ActNorm: a scale and a shift for each coordinate, trained, which begin so that the first batch
// has mean 0 and deviation 1 on the latent side.
//   Kingma and Dhariwal, "Glow" (2018), section 3.1.
//
// z = x e^r + c       log_det = sum of r, at every point
//
// The one idea: Standardize in the middle of a flow, where nobody knows the data's moments before
// the layers between are there. Its data are given to it once, through the whole flow:
//
//   flow.bijection->initialise(batch);    // each ActNorm by what reaches it; others do nothing
//
// Do this before training, on one thread: a flow that looked at "the first batch" by itself would
// see a part of it on each thread. That it was done is saved, so that a flow that was loaded keeps
// what it has learned.
#pragma once

#include "flows/bijection.h"

namespace gradflow {

class ActNorm final : public Bijection {
 public:
  explicit ActNorm(Index dim);  // the identity, until initialise(); ShapeError for dim < 1

  bool initialised() const { return initialised_.item() != 0; }  // whether it has been

  const char* name() const override { return "ActNorm"; }
  Index dim() const override { return shift_.value().size(); }
  void visit(const Visitor& visitor) override;  // "log_scale", "shift"; "initialised", not trained

 private:
  // Throws ShapeError, naming the column, if one is constant or not finite.
  void begin_with(const Tensor& x, const Tensor& context) override;
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;

  Parameter log_scale_, shift_;      // (D): r and c
  Tensor initialised_ = zeros({1});  // 1 when it was
};

}  // namespace gradflow
