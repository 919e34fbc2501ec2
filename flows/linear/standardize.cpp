#include "flows/linear/standardize.h"

#include <cmath>

namespace gradflow {
namespace {

const Tensor& checked_mean(const Tensor& mean) {
  require(mean.rank() == 1 && mean.size() >= 1 && all_finite(mean),
          "Standardize: mean {} given; one finite number for each coordinate", to_string(mean));
  return mean;
}

const Tensor& checked_deviation(const Tensor& deviation) {
  for (const real sd : deviation.values())
    require(sd > 0 && std::isfinite(sd), "Standardize: deviation {} given; finite, more than 0",
            sd);
  return deviation;
}

}  // namespace

Standardize::Standardize(const Tensor& mean, const Tensor& deviation)
    : mean_(checked_mean(mean)), deviation_(checked_deviation(deviation)) {
  require(mean.shape() == deviation.shape(),
          "Standardize: mean {} and deviation {} given; one of each for a coordinate", mean.shape(),
          deviation.shape());
}

Standardize Standardize::of(const Tensor& data) {
  require(data.rank() == 2 && data.shape()[1] >= 1 && data.rows() >= 2,
          "Standardize::of: data {} given; (N, D) with N at least 2 are required", data.shape());
  const Tensor range = (max(data, 0) + max(-Var(data), 0)).value();
  for (Index i = 0; i < range.size(); ++i) {
    const real width = range.data()[i];
    require(std::isfinite(width),
            "Standardize::of: column {} given; it has a number that is not finite", i);
    require(width > 0, "Standardize::of: column {} given; it is constant, {}; hint: leave it out",
            i, data.data()[i]);
  }
  const Var mean = gradflow::mean(data, 0);
  return {mean.value(), sqrt(gradflow::mean(square(data - mean), 0)).value()};
}

// z = (x - mean) / deviation         log_det = -(sum of log deviation)
Mapped Standardize::map_to_latent(const Var& x, const Var&, LogDet log_det) const {
  return {(x - mean_) / deviation_,
          log_det == LogDet::yes ? broadcast_to(-sum(log(deviation_)), Shape{x.rows()}) : Tensor()};
}

// x = z deviation + mean             log_det = sum of log deviation
Mapped Standardize::map_to_data(const Var& z, const Var&, LogDet log_det) const {
  return {z * deviation_ + mean_,
          log_det == LogDet::yes ? broadcast_to(sum(log(deviation_)), Shape{z.rows()}) : Tensor()};
}

void Standardize::visit(const Visitor& visitor) {
  visitor("mean", mean_, [this](const Tensor& mean) { mean_ = checked_mean(mean); });
  visitor("deviation", deviation_,
          [this](const Tensor& deviation) { deviation_ = checked_deviation(deviation); });
}

}  // namespace gradflow
