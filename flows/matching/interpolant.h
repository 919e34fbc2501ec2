// Interpolant: a path that mixes noise and data by two functions of time.
//
//   y_t = alpha(t) y_1 + sigma(t) y_0          dy_t / dt = alpha'(t) y_1 + sigma'(t) y_0
//
// The one idea: at a place of such a path three things are the same knowledge in other words: the
// velocity, the expected data point, and the expected noise, which is the score times -sigma. So a
// model that was trained with one pair of functions can be used with another.
//   Albergo and Vanden-Eijnden, "Building normalizing flows with stochastic interpolants" (2023);
//   Lipman et al., "Flow matching guide and code" (2024), section 4.
//
//   model.loss(batch, rng, cosine())     as any path
//
// Read next: loss.h.
#pragma once

#include "flows/matching/path.h"
#include "flows/ode/integrate.h"

namespace gradflow {

struct Coefficients {    // at times t (B, 1), (B, 1) each
  Var alpha, sigma;      // of the data, of the noise
  Var d_alpha, d_sigma;  // their derivatives by t
};

struct Interpolant {
  const char* name;                              // of the path
  std::function<Coefficients(const Var& t)> at;  // the four at these times
  // The last time at which all four are finite: later ones count as this one. Samples are to be
  // carried to it, and not to 1.
  double last = 1;

  // A Path.
  OnPath operator()(const Var& y_0, const Var& y_1, const Var& t) const;
  // The same, where later times than the last count as that.
  Coefficients clamped_at(const Var& t) const { return at(minimum(t, static_cast<real>(last))); }
};

// alpha = t, sigma = 1 - t: straight(), as an interpolant.
Interpolant linear_interpolant();
// alpha = t^n, sigma = 1 - t^n. Throws ShapeError unless n > 0, and finite.
Interpolant polynomial(real n);
// alpha = sin(pi t / 2), sigma = cos(pi t / 2): at constant speed along a circle.
Interpolant cosine();
// alpha = t, sigma = sqrt(1 - t^2): the variance stays 1 if the data's is. Until t = 0.999.
Interpolant linear_variance_preserving();
// alpha = exp(-T / 2), sigma = sqrt(1 - exp(-T)), T = (1 - t)^2 (most - least) / 2 + (1 - t) least:
// the diffusion of Song et al., "Score-based generative modeling through SDEs" (2021), run towards
// the data. At t = 0 alpha is not quite 0 (0.0066 by default). Until t = 0.999.
// Throws ShapeError unless 0 < least <= most, both finite.
Interpolant variance_preserving(real least = real(0.1), real most = 20);
// alpha = t, sigma = 1 - (1 - s) t: to a small Gaussian of deviation s around the data point.
// Lipman et al., "Flow matching for generative modeling" (2023), equation 20. Throws ShapeError
// unless s is from 0 to 1.
Interpolant toward_target(real s);

struct PathEnds {  // where a path is expected to come from and to lead to, seen from a place on it
  Var y_0, y_1;    // (B, D)
};
// From the velocity v (B, D) at y (B, D), t (B, 1).
PathEnds expected_ends(const Interpolant& path, const Var& y, const Var& v, const Var& t);
// grad log p_t(y) = -E[y_0 | y] / sigma, (B, D), where the noise is N(0, I); infinite at t = 1.
Var score(const Interpolant& path, const Var& y, const Var& v, const Var& t);

// The field of `to` from one that was learned with `from`: it asks at the time at which the ratio
// alpha / sigma is the same, and at the place scaled accordingly. Both carry the same noise to the
// same data. It refers to nothing: all is copied.
Field rescheduled(Field field, Interpolant from, Interpolant to);

}  // namespace gradflow
