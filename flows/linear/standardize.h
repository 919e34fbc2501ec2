// Standardize: data in its own units on one side, with mean 0 and standard deviation 1 on the
// other.
//
// The one idea: networks want numbers of size 1, users have metres or degrees. As the outermost
// layer of a flow (the last of a Chain) it is part of the bijection, so that densities and samples
// are in the data's own units, and nobody has to convert.
#pragma once

#include "flows/bijection.h"

namespace gradflow {

class Standardize final : public Bijection {
 public:
  // mean, deviation: (D). Throws ShapeError unless all are finite and the deviations above 0.
  Standardize(const Tensor& mean, const Tensor& deviation);
  // Those of the rows of data (N, D); with N, not N - 1, under the root. Throws ShapeError, naming
  // the column, if one is constant or has a number that is not finite; and for less than two rows.
  static Standardize of(const Tensor& data);

  const Tensor& mean() const { return mean_; }            // (D)
  const Tensor& deviation() const { return deviation_; }  // (D)

  const char* name() const override { return "Standardize"; }
  Index dim() const override { return mean_.size(); }
  void visit(const Visitor& visitor) override;  // "mean", "deviation"; not trained

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;

  Tensor mean_, deviation_;
};

}  // namespace gradflow
