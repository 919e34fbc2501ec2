// Radial: space drawn towards a centre, or pushed away from it, the less the farther off.
//   Rezende and Mohamed, "Variational inference with normalizing flows" (2015), section 4.1.
//
//   z = x + b g (x - x_0),    g = 1 / (a + r),    r = |x - x_0|
//   log_det = (D - 1) log(1 + b g) + log(1 + a b g^2)
//
// with a > 0 and b > -a, so that no two points meet. (x_0, a and b are trained.)
//
// The one idea of its way back, which is a formula: along a ray from the centre the distance alone
// changes, rho = r + b r / (a + r), and that is a quadratic equation for r.
#pragma once

#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

class Radial final : public Bijection {
 public:
  // Centred at a point ~ N(0, 1), as the identity: a = 1, b = 0. Throws ShapeError for dim < 1.
  Radial(Index dim, Rng& rng);

  const char* name() const override { return "Radial"; }
  Index dim() const override { return centre_.value().shape()[1]; }
  void visit(const Visitor& visitor) override;  // "centre", "alpha", "beta"

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;
  struct Strength {
    Var a, b;
  };
  Strength strength() const;

  Parameter centre_;        // (1, D): x_0
  Parameter alpha_, beta_;  // (1): raw numbers of a = softplus(alpha), b = softplus(beta) - a
};

}  // namespace gradflow
