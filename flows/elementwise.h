// Elementwise: a univariate map of each coordinate, with raw numbers of its own: trained, and the
// same at every point.
#pragma once

#include "flows/univariate/univariate.h"

namespace gradflow {

class Elementwise final : public Bijection {
 public:
  // Begins as the identity. Throws ShapeError for less than one coordinate.
  Elementwise(Index dim, Univariate univariate) : univariate_(std::move(univariate)), dim_(dim) {
    require(dim >= 1, "Elementwise: {} coordinates given; at least 1", dim);
    raw_ = zeros({1, dim * univariate_.size()});
  }

  const char* name() const override { return "Elementwise"; }
  Index dim() const override {
    require_not_moved(univariate_.size() > 0, name());
    return dim_;
  }
  void visit(const Visitor& visitor) override { visitor("raw", raw_); }

 private:
  Var raw_for(const Var& points) const {
    return broadcast_to(raw_, {points.rows(), raw_.shape()[1]});
  }
  Mapped map_to_latent(const Var& x, const Var&, LogDet log_det) const override {
    return univariate_.to_latent(x, raw_for(x), log_det);
  }
  Mapped map_to_data(const Var& z, const Var&, LogDet log_det) const override {
    return univariate_.to_data(z, raw_for(z), log_det);
  }

  Univariate univariate_;
  Index dim_;
  Parameter raw_;  // (1, D R): coordinate by coordinate
};

}  // namespace gradflow
