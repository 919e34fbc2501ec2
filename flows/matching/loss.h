// The loss of flow matching.
//
// The one idea: at a random place on a random path ask the field for its velocity, and penalise the
// squared distance from the path's own. Many paths pass through one place, so the field learns
// their mean there: and the field of mean velocities carries the noise distribution to the data's.
//   Lipman et al., "Flow matching for generative modeling" (2023), equations 8, 9 and 23.
//
// Read next: flow_matching.h.
#pragma once

#include "flows/matching/pairing.h"
#include "flows/matching/path.h"
#include "flows/ode/integrate.h"

namespace gradflow {

// The times (n, 1), from 0 to 1, at which a batch is asked.
using Times = std::function<Tensor(Index n, Rng& rng)>;
inline Tensor uniform_times(Index n, Rng& rng) { return rng.uniform({n, 1}); }
// More of them near the data, where the field's edges form:   t = 1 - u^power,   u ~ U(0, 1)
// What the loss is smallest for stays the same: at each time that is the mean velocity.
inline Times late_times(real power) {
  require(power >= 1, "late_times: a power of {} given; at least 1", power);
  return [power](Index n, Rng& rng) { return (1 - pow(rng.uniform({n, 1}), power)).value(); };
}

// Mean of |field(y_t, t) - velocity|^2 over the elements, at one random place, t ~ U(0, 1), of a
// path to each of the batch's points (B, D), at least one, from y_0 ~ N(0, I). With a blur the
// place is drawn from N(y_t, blur^2 I), which the model then learns: the data's density, blurred so
// (I-CFM: Tong et al. (2024), of pairing.h). Draws y_0, what the pairing wants, t, and what blurs.
inline Var matching_loss(const Field& field, const Data& batch, Rng& rng,
                         const Path& path = straight, const Pairing& pairing = independent,
                         real blur = 0, const Times& times = uniform_times) {
  const Tensor y_0 = pairing(rng.normal(batch.points.shape()), batch, rng);
  const Tensor t = times(batch.size(), rng);
  const auto [y_t, velocity] = path(y_0, batch.points, t);
  const Var place = blur == 0 ? y_t : y_t + blur * rng.normal(y_t.shape());
  return mean(square(field(place, t) - velocity));
}

}  // namespace gradflow
