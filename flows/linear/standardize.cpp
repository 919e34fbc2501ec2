#include "flows/linear/standardize.h"

#include <cmath>

namespace gradflow {
namespace {

struct Moments {
  double mean = 0, deviation = 0;
};

// In double, as differences to the first, and in two passes: of numbers around 1000 with a
// deviation of 1, the difference of two large sums of squares would have few digits left.
Moments moments(const Tensor& data, Index column) {
  const Index N = data.rows(), D = data.shape()[1];
  const real* const x = data.data() + column;
  const double first = x[0], n = static_cast<double>(N);
  double sum = 0, squares = 0;
  for (Index i = 0; i < N; ++i) sum += x[i * D] - first;
  const double mean = sum / n;
  for (Index i = 0; i < N; ++i) squares += std::pow(x[i * D] - first - mean, 2);
  return {first + mean, std::sqrt(squares / n)};
}

bool is_constant(const Tensor& data, Index column) {
  const Index N = data.rows(), D = data.shape()[1];
  for (Index i = 1; i < N; ++i)
    if (data.data()[i * D + column] != data.data()[column]) return false;
  return true;
}

void check_mean(const Tensor& mean) {
  require(mean.rank() == 1 && mean.size() >= 1 && all_finite(mean),
          "Standardize: mean {} given; one finite number for each coordinate", to_string(mean));
}

void check_deviation(const Tensor& deviation) {
  for (const real sd : deviation.values())
    require(sd > 0 && std::isfinite(sd), "Standardize: deviation {} given; finite, more than 0",
            sd);
}

}  // namespace

Standardize::Standardize(const Tensor& mean, const Tensor& deviation)
    : mean_(mean), deviation_(deviation) {
  check_mean(mean);
  check_deviation(deviation);
  require(mean.shape() == deviation.shape(),
          "Standardize: mean {} and deviation {} given; one of each for a coordinate", mean.shape(),
          deviation.shape());
}

Standardize Standardize::of(const Tensor& data) {
  require(data.rank() == 2 && data.shape()[1] >= 1 && data.rows() >= 2,
          "Standardize::of: data {} given; (N, D) with N at least 2 are required", data.shape());
  const Index D = data.shape()[1];
  Tensor mean(Shape{D}), deviation(Shape{D});
  for (Index i = 0; i < D; ++i) {
    const Moments of = moments(data, i);
    require(std::isfinite(of.deviation),
            "Standardize::of: column {} given; it has a number that is not finite", i);
    require(!is_constant(data, i),
            "Standardize::of: column {} given; it is constant, {}; hint: leave it out", i, of.mean);
    mean.mutable_data()[i] = static_cast<real>(of.mean);
    deviation.mutable_data()[i] = static_cast<real>(of.deviation);
  }
  return {mean, deviation};
}

// z = (x - mean) / deviation         log_det = -(sum of log deviation)
Mapped Standardize::map_to_latent(const Var& x, const Var&, LogDet log_det) const {
  Mapped mapped{(x - mean_) / deviation_};
  if (log_det == LogDet::yes) mapped.log_det = broadcast_to(-sum(log(deviation_)), Shape{x.rows()});
  return mapped;
}

// x = z deviation + mean             log_det = sum of log deviation
Mapped Standardize::map_to_data(const Var& z, const Var&, LogDet log_det) const {
  Mapped mapped{z * deviation_ + mean_};
  if (log_det == LogDet::yes) mapped.log_det = broadcast_to(sum(log(deviation_)), Shape{z.rows()});
  return mapped;
}

void Standardize::visit(const Visitor& visitor) {
  visitor("mean", mean_, [this](const Tensor& mean) {
    check_mean(mean);
    mean_ = mean;
  });
  visitor("deviation", deviation_, [this](const Tensor& deviation) {
    check_deviation(deviation);
    deviation_ = deviation;
  });
}

}  // namespace gradflow
