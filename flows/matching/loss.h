// The loss of flow matching.
//
// The one idea: at a random place on a random path ask the field for its velocity, and penalise the
// squared distance from the path's own. Many paths pass through one place, so the field learns
// their mean there: and the field of mean velocities carries the noise distribution to the data's.
//   Lipman et al., "Flow matching for generative modeling" (2023), equations 8, 9 and 23.
//
// Read next: flow_matching.h.
#pragma once

#include <cmath>

#include "flows/matching/pairing.h"
#include "flows/matching/path.h"
#include "flows/matching/times.h"
#include "flows/ode/integrate.h"

namespace gradflow {

// Mean of |field(y_t, t) - velocity|^2 over the elements, at one random place, t ~ U(0, 1), of each
// path from a row of y_0 to that of y_1 (B, D), at least one. With a blur the place is drawn from
// N(y_t, blur^2 I), which the model then learns: the data's density, blurred so (I-CFM: Tong et al.
// (2024), of pairing.h). Draws t, and what blurs. Throws ShapeError for points of other shapes, and
// a blur that is negative or not finite.
inline Var paths_loss(const Field& field, const Tensor& y_0, const Tensor& y_1, Rng& rng,
                      const Path& path = straight, real blur = 0,
                      const Times& times = uniform_times) {
  require(y_1.rank() == 2, "matching_loss: points {} given; (B, D) are required", y_1.shape());
  require(blur >= 0 && std::isfinite(blur),
          "matching_loss: a blur of {} given; it must be finite, and 0 or more", blur);
  const Tensor t = times(y_1.rows(), rng);
  const auto [y_t, velocity] = path(y_0, y_1, t);
  const Var place = blur == 0 ? y_t : y_t + blur * rng.normal(y_t.shape());
  const Var found = field(place, t);
  require(found.shape() == velocity.shape(), "matching_loss: a field of {} given; {} is required",
          found.shape(), velocity.shape());
  return mean(square(found - velocity));
}

// The same to each of the batch's points (B, D) from y_0 ~ N(0, I). Draws y_0 and what the pairing
// wants before the rest.
inline Var matching_loss(const Field& field, const Data& batch, Rng& rng,
                         const Path& path = straight, const Pairing& pairing = independent,
                         real blur = 0, const Times& times = uniform_times) {
  const Tensor y_0 = noise_for("matching_loss", batch, rng, pairing);
  return paths_loss(field, y_0, batch.points, rng, path, blur, times);
}

// The same in two halves, of which the first does not ask the field, so that it can be done by
// another thread while the batch before is learned from. A batch in pairs: rows [y_0, y_1] (B, 2 D)
// of a noise point and a point, with its label. Throws ShapeError for points that are not (B, D).
inline Data paired(const Data& batch, Rng& rng, const Pairing& pairing = independent) {
  const Tensor y_0 = noise_for("paired", batch, rng, pairing);
  return {concat({y_0, batch.points}, 1).value(), batch.labels};
}
// The loss on the paths between given pairs. Throws ShapeError for other points.
inline Var pairs_loss(const Field& field, const Data& pairs, Rng& rng, const Path& path = straight,
                      real blur = 0, const Times& times = uniform_times) {
  const Tensor& both = pairs.points;
  require(both.rank() == 2 && both.shape()[1] % 2 == 0 && both.rows() >= 1,
          "pairs_loss: pairs {} given; (B, 2 D), at least 1, are required", both.shape());
  const Index D = both.shape()[1] / 2;
  return paths_loss(field, kernel::slice(both, 1, 0, D), kernel::slice(both, 1, D, 2 * D), rng,
                    path, blur, times);
}

}  // namespace gradflow
