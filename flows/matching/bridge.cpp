#include "flows/matching/bridge.h"

#include <cmath>

namespace gradflow {
namespace {

void check(const char* called, const Bridge& bridge) {
  require(
      bridge.sigma > 0 && std::isfinite(bridge.sigma) && 0 < bridge.edge && bridge.edge < real(0.5),
      "{}: sigma {} and edge {} given; sigma > 0, 0 < edge < 1/2", called, bridge.sigma,
      bridge.edge);
}

}  // namespace

OnBridge on_bridge(const Bridge& bridge, const Var& y_0, const Var& y_1, const Var& t,
                   const Var& noise) {
  const Var both = t * (1 - t), spread = bridge.sigma * sqrt(both), line = y_1 - y_0;
  const Var off = spread * noise;
  return {y_0 + t * line + off, (1 - 2 * t) / (2 * both) * off + line, noise, spread};
}

Var bridge_loss(const Bridge& bridge, const Field& velocity, const Field& s, const Tensor& y_0,
                const Tensor& y_1, Rng& rng) {
  check("bridge_loss", bridge);
  require(y_0.rank() == 2 && y_0.rows() >= 1 && y_0.shape() == y_1.shape(),
          "bridge_loss: {} and {} given; (B, D) twice, at least 1 point, are required", y_0.shape(),
          y_1.shape());
  const Tensor t = rng.uniform({y_0.rows(), 1}, bridge.edge, 1 - bridge.edge);
  const OnBridge at = on_bridge(bridge, y_0, y_1, t, rng.normal(y_0.shape()));
  const Var lambda = 2 * at.spread / (bridge.sigma * bridge.sigma);
  return mean(square(velocity(at.y_t, t) - at.velocity)) +
         mean(square(lambda * s(at.y_t, t) + at.noise));
}

std::vector<Tensor> diffused(const Bridge& bridge, const Field& velocity, const Field& s,
                             const Tensor& points, const Span& span, Index steps, Rng& rng) {
  check("diffused", bridge);
  require(points.rank() == 2, "diffused: points {} given; (B, D) are required", points.shape());
  require(steps >= 1 && std::isfinite(span.to - span.from),
          "diffused: {} steps from {} to {} given; at least 1, and finite times", steps, span.from,
          span.to);
  const Unrecorded unrecorded;
  const double h = (span.to - span.from) / static_cast<double>(steps);
  const real shaking = bridge.sigma * static_cast<real>(std::sqrt(std::abs(h)));
  std::vector<Tensor> states{points};
  for (Index step = 0; step < steps; ++step) {
    const Tensor& y = states.back();
    const double time = span.from + static_cast<double>(step) * h;
    const Tensor t({y.rows(), 1}, static_cast<real>(time));
    const real forth = static_cast<real>(h), any = static_cast<real>(std::abs(h));
    states.push_back(
        (y + forth * velocity(y, t) + any * s(y, t) + shaking * rng.normal(y.shape())).value());
  }
  return states;
}

}  // namespace gradflow
