// The density of a model of flow matching: log p of points, how wrong the solver makes it, and what
// the solver's own steps do to it.
//
// The one idea of the last: a sampler of finite steps is not the flow of the field, but it is a map
// too. One Euler step, y + h v(y), has the Jacobian I + h J; in the plane its determinant is 1 + h
// tr J + h^2 det J. So the density of what Euler's method of 5 steps makes of noise is known
// exactly, and what a step size costs can be said in nats. And a step of any Runge-Kutta method is
// one of Euler's, along the mean of what its stages see: so the same is known of all of them.
//
// Read next: ../continuous.h.
#pragma once

#include "flows/continuous.h"
#include "flows/flow.h"
#include "flows/matching/flow_matching.h"

namespace gradflow {

// log p of points (B, D) in nats: (B). As Flow(Continuous(...)).log_prob, split among the threads;
// the result does not depend on their number. Nothing is recorded. Throws ShapeError for other
// points or labels.
Tensor log_prob(const FlowMatching& model, const Tensor& points, const Labels& labels = {},
                const ContinuousOptions& solver = {});

struct Scored {     // log p with what the solver has done to it
  Tensor log_prob;  // (B)
  Tensor error;  // (B): how far it is from the same with twice as long steps, or 10 x the tolerance
};
// With half the steps' size, or a tenth of the tolerance, than `solver` says; and what that
// changed.
Scored log_prob_with_error(const FlowMatching& model, const Tensor& points,
                           const Labels& labels = {}, const ContinuousOptions& solver = {});

// --- the density of Euler's method itself, of points in the plane or on a line ---

struct EulerCarried {  // noise that has become points
  Tensor points;       // (B, D)
  Tensor log_prob;     // (B): log of the density that Euler's method gives to these
  // How many of them were turned inside out by a step (a determinant below 0). Other noise leads
  // there, too, and log_prob is then less than all of the density: the part that came this way.
  Index turned;
};
// Noise (B, D) carried from t = 0 to 1 by so many steps of Euler's method. Throws ShapeError for
// more than two coordinates, and NonFiniteError if a determinant is 0 or not finite.
EulerCarried euler_carried(const Field& field, const Tensor& noise, Index steps);
// The same for given points (B, D), each step undone by Newton's method. Also throws NonFiniteError
// if none leads there, and if one that does turns space inside out: it need not be the only one.
Tensor euler_log_prob(const Field& field, const Tensor& points, Index steps);

// --- and of any other method ---

// The mean of what a method's stages see in a step of size h, as a field: y + h times it is where
// the step leads. It refers to both.
Field mean_slope(const Field& field, const Tableau& tableau, double h);
// As euler_log_prob(), of so many steps of this method; but NaN for a point where a step turns
// space inside out, or to which none leads: the others have their densities. Throws ShapeError
// alone.
Tensor solver_log_prob(const Field& field, const Tensor& points, const Tableau& tableau,
                       Index steps);

}  // namespace gradflow
