#include "experiments/metrics/density_model.h"

#include <algorithm>

#include "tensor/threads/parallel.h"

namespace gradflow {

// A thousand points at a time, so that what a layer makes of them stays in the cache.
DensityModel density_model(const Flow& flow, Index parameters) {
  const auto log_density = [flow](const Tensor& points) {
    constexpr Index kChunk = 1000;
    const Index n = points.rows();
    Tensor result(Shape{n});
    real* out = result.mutable_data();
    parallel_for((n + kChunk - 1) / kChunk, [&](Index i) {
      const Index begin = i * kChunk, end = std::min(n, begin + kChunk);
      const Tensor part = flow.log_prob(points.rows(begin, end)).value();
      std::ranges::copy(part.values(), out + begin);
    });
    return result;
  };
  return {log_density, [flow](Index n, Rng& rng) { return flow.sample(n, rng); }, parameters};
}

DensityModel in_data_units(const DensityModel& model, const Standardize& units) {
  return {[model, units](const Tensor& points) {
            const Mapped inner = units.to_latent(points);
            return (Var(model.log_density(inner.points.value())) + inner.log_det).value();
          },
          [model, units](Index n, Rng& rng) {
            return units.to_data(model.sample(n, rng), no_context, LogDet::no).points.value();
          },
          model.parameters};
}

}  // namespace gradflow
