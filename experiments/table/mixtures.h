// The models that flows are compared with: mixtures of Gaussians, by expectation-maximisation.
#pragma once

#include "experiments/metrics/mixture.h"
#include "experiments/table/mixture_base.h"

namespace gradflow {

// Mixtures of these points (N, D), standardised, under what is given of each (N, context) or none:
// one for each combination of classes that enough rows have; the others get that of all rows.
MixtureBase fit_mixtures(const Tensor& points, const Tensor& given, const Conditions& conditions,
                         const MixtureOptions& options, const Rng& rng);

// That with the best mean log p on validation points among sizes that double, from 2 on, and floors
// under the variances. `stop` is asked in between.
struct ChosenMixture {
  MixtureBase base;
  Index components = 1;
};
ChosenMixture choose_mixture(const Tensor& points, const Tensor& given, const Tensor& validation,
                             const Tensor& validation_given, const Conditions& conditions,
                             const Rng& rng, const std::function<bool()>& stop);

}  // namespace gradflow
