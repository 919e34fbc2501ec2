#include "experiments/metrics/density_model.h"

#include <algorithm>

#include "tensor/threads/parallel.h"

namespace gradflow {

LogDensity in_parts(LogDensity log_density) {
  return [log_density = std::move(log_density)](const Tensor& points) {
    constexpr Index kPart = 1000;
    const Index n = points.rows();
    Tensor result(Shape{n});
    real* out = result.mutable_data();
    parallel_for((n + kPart - 1) / kPart, [&](Index i) {
      const Index begin = i * kPart, end = std::min(n, begin + kPart);
      const Tensor part = log_density(points.rows(begin, end));
      std::ranges::copy(part.values(), out + begin);
    });
    return result;
  };
}

DensityModel density_model(const Flow& flow, Index parameters) {
  return {in_parts([flow](const Tensor& points) { return flow.log_prob(points).value(); }),
          [flow](Index n, Rng& rng) { return flow.sample(n, rng); }, parameters};
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
