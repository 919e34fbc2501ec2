// Rotation: space turned round the origin, by angles that are trained. It keeps volume.
//
// The one idea: the exponential of a matrix A with A^T = -A is a rotation, whatever its D (D-1)/2
// numbers above the diagonal are: (e^A)^T = e^-A undoes it. In the plane there is one, the angle.
//
// Read next: householder.h, which mixes coordinates by mirrors.
#pragma once

#include "flows/bijection.h"

namespace gradflow {

class Rotation final : public Bijection {
 public:
  explicit Rotation(Index dim);  // not turned; throws ShapeError for less than two coordinates

  const char* name() const override { return "Rotation"; }
  Index dim() const override { return dim_; }
  void visit(const Visitor& visitor) override { visitor("angles", angles_); }

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;
  Var matrix() const;  // (D, D): e^A

  Index dim_;
  Parameter angles_;                  // (D (D-1) / 2): A above its diagonal, row by row
  std::vector<Index> above_, below_;  // where they are in A, and where, with a minus, again
};

}  // namespace gradflow
