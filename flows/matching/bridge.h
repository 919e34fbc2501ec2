// The Schroedinger bridge: from one sample to another by a flow with noise on the way, both learned
// from a flow's velocity and a score.
//
//   between two points:   y_t = (1-t) y_0 + t y_1 + sigma sqrt(t (1-t)) e,    e ~ N(0, I)
//   its velocity:         u = (1 - 2t) / (2t (1-t)) (y_t - m_t) + y_1 - y_0,  m_t the mean of y_t
//   its score:            -e / (sigma sqrt(t (1-t)))
//
// The one idea: a Brownian bridge between two points has a formula, and the mean over all pairs of
// what it does at a place is what the whole does there: so both are learned by regression, as in
// flow matching. If the pairs come from the blurred plan of optimal transport (entropic() in
// pairing.h), the whole is the Schroedinger bridge, the likeliest way of diffusing particles from
// one sample to the other.
//   Tong et al., "Simulation-free Schroedinger bridges via score and flow matching" (2024).
//
// The velocity alone carries points like any flow; together with the score they diffuse.
#pragma once

#include "flows/ode/integrate.h"
#include "tensor/random.h"

namespace gradflow {

struct Bridge {            // between two points
  real sigma = 1;          // more than 0: how far particles diffuse in time 1
  real edge = real(1e-3);  // t is drawn from edge to 1 - edge: |u|^2 has no mean at the ends
};

struct OnBridge {     // a place on it, and what is learned there
  Var y_t, velocity;  // (B, D)
  Var noise, spread;  // e (B, D), and sigma sqrt(t (1-t)) (B, 1)
};
// At t (B, 1), between y_0 and y_1 (B, D), with this e (B, D).
OnBridge on_bridge(const Bridge& bridge, const Var& y_0, const Var& y_1, const Var& t,
                   const Var& noise);

// mean |velocity - u|^2 + mean |lambda s + e|^2, lambda = 2 sqrt(t (1-t)) / sigma, over the
// elements: s then learns (sigma^2 / 2) grad log p. Draws t, then e. Throws ShapeError unless y_0
// and y_1 are (B, D), at least one, and sigma > 0, 0 < edge < 1/2.
Var bridge_loss(const Bridge& bridge, const Field& velocity, const Field& s, const Tensor& y_0,
                const Tensor& y_1, Rng& rng);

// Points (B, D) diffused along dy = (v + s) dt + sigma dW by so many steps (Euler and Maruyama);
// back in time, from 1 to 0, along -v + s. A new random number for each coordinate and step. The
// points before and after each step.
std::vector<Tensor> diffused(const Bridge& bridge, const Field& velocity, const Field& s,
                             const Tensor& points, const Span& span, Index steps, Rng& rng);

}  // namespace gradflow
