// Continuous: a velocity network as a bijection: points are carried along it from noise, t = 0, to
// data, t = 1, and back. So a model of flow matching has a density like any other flow:
//
//   const Flow flow{Continuous(model.network)};
//   flow.log_prob(points)
//
// log |det| is the integral of the divergence along the way, gathered as one more coordinate of
// what the solver carries; if it is declined, the divergence is not computed.
//   Chen et al., "Neural ordinary differential equations" (2018); Grathwohl et al., "FFJORD"
//   (2019).
//
// Both directions have the solver's error, and so has the round trip.
#pragma once

#include <optional>

#include "flows/matching/velocity.h"

namespace gradflow {

struct ContinuousOptions {         // how it is solved
  Tableau tableau = runge_kutta4;  // by which method
  Steps steps = {50};              // how time is cut
  // For Hutchinson's estimate of the divergence: e (D), the same at every point and time, so that
  // what is integrated is a function. Exact without one.
  std::optional<Tensor> probe = {};
};

class Continuous final : public Bijection {
 public:
  // A copy of the network belongs to it. (Not any field: it has to own its parameters and name
  // them, and the divergence of others is plain numbers, through which no gradient goes.) Throws
  // ShapeError for a probe of another size.
  explicit Continuous(VelocityNetwork network, ContinuousOptions options = {});

  const VelocityNetwork& network() const { return network_; }  // the field

  const char* name() const override { return "Continuous"; }
  Index dim() const override {
    require_not_moved(!network_.network.layers.empty(), name());
    return network_.dim;
  }
  Index context() const override { return network_.context; }
  Passes passes() const override;  // 0 for adaptive steps: it is not known beforehand
  void visit(const Visitor& visitor) override { network_.visit(visitor); }

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override {
    return carried(x, context, log_det, {1, 0});
  }
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override {
    return carried(z, context, log_det, {0, 1});
  }
  Mapped carried(const Var& y, const Var& context, LogDet log_det, const Span& span) const;

  VelocityNetwork network_;
  ContinuousOptions options_;
};

}  // namespace gradflow
