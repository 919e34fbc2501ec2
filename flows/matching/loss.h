// The loss of flow matching.
//
// The one idea: at a random place on a random path ask the field for its velocity, and penalise the
// squared distance from the path's own. Many paths pass through one place, so the field learns
// their mean there: and the field of mean velocities carries the noise distribution to the data's.
//   Lipman et al., "Flow matching for generative modeling" (2023), equations 6 and 23.
//
// Read next: flow_matching.h.
#pragma once

#include "flows/matching/pairing.h"
#include "flows/matching/path.h"
#include "flows/ode/integrate.h"

namespace gradflow {

// Mean of |field(y_t, t) - velocity|^2 over the elements, at one random place, t ~ U(0, 1), of a
// path to each of the batch's points (B, D), at least one, from y_0 ~ N(0, I). With a blur the
// place is drawn from N(y_t, blur^2 I), which the model then learns: the data's density, blurred so
// (Tong et al., section 3.1, I-CFM). Draws y_0, what the pairing wants, t, and what blurs.
inline Var matching_loss(const Field& field, const Data& batch, Rng& rng,
                         const Path& path = straight, const Pairing& pairing = independent,
                         real blur = 0) {
  const Tensor y_0 = pairing(rng.normal(batch.points.shape()), batch, rng);
  const Tensor t = rng.uniform({batch.size(), 1});
  const auto [y_t, velocity] = path(y_0, batch.points, t);
  const Var place = blur == 0 ? y_t : y_t + blur * rng.normal(y_t.shape());
  return mean(square(field(place, t) - velocity));
}

}  // namespace gradflow
