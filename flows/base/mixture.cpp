#include "flows/base/mixture.h"

#include <algorithm>

namespace gradflow {
namespace {

constexpr real kNarrowest = real(0.05);
constexpr real kBound = 3;  // of log-scales, as in univariate/affine.h
constexpr real kLogTwoPi = real(1.8378770664093454836);

}  // namespace

GaussianMixture::GaussianMixture(Index dim, Index components, Rng& rng) {
  require(dim >= 1 && components >= 1,
          "GaussianMixture: {} coordinates and {} components given; at least 1 of each", dim,
          components);
  logits_ = zeros(Shape{components});
  means_ = rng.normal({components, dim});
  scales_ = zeros({components, dim});
}

void GaussianMixture::begin_at(const Tensor& points, Rng& rng) {
  check_points("GaussianMixture::begin_at", points, dim());
  require(points.rows() >= components(),
          "GaussianMixture::begin_at: {} points for {} components given; as many at least",
          points.rows(), components());
  std::vector<Index> chosen = rng.permutation(points.rows());
  chosen.resize(static_cast<std::size_t>(components()));
  means_ = kernel::gather(points, chosen);
}

// From 1 where the raw number is 0; above 0.05, below 20.
Var GaussianMixture::log_deviations() const {
  return log(kNarrowest + (1 - kNarrowest) * exp(kBound * tanh(scales_ / kBound)));
}

Var GaussianMixture::log_prob(const Var& z, const Var&) const {
  check_points("GaussianMixture::log_prob", z, dim());
  const Index B = z.rows(), K = components(), D = dim();
  const Var log_s = log_deviations();
  const Var away = (reshape(z, {B, 1, D}) - means_) * exp(-log_s);  // (B, K, D)
  const Var of_each = sum(real(-0.5) * (square(away) + kLogTwoPi) - log_s, 2);
  return logsumexp(reshape(of_each, {B, K}) + log_softmax(logits_, 0), 1);
}

Var GaussianMixture::sample(Index n, Rng& rng, const Var&) const {
  check_samples("GaussianMixture::sample", n);
  const Tensor running = cumsum(softmax(logits_, 0), 0).value(), u = rng.uniform(Shape{n});
  std::vector<Index> chosen;
  for (const real v : u.values()) {
    const auto all = running.values();
    const Index k = std::upper_bound(all.begin(), all.end(), v) - all.begin();
    chosen.push_back(std::min(k, components() - 1));  // the last may be rounded to below 1
  }
  return gather(means_, chosen) + gather(exp(log_deviations()), chosen) * rng.normal({n, dim()});
}

void GaussianMixture::visit(const Visitor& visitor) {
  visitor("logits", logits_);
  visitor("means", means_);
  visitor("scales", scales_);
}

}  // namespace gradflow
