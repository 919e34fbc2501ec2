#include "experiments/metrics/baselines.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include "experiments/data/data_set.h"
#include "experiments/data/spread.h"

namespace gradflow {
namespace {

constexpr Index kMostPoints = 10'000;  // that EM looks at
constexpr Index kMostKernels = 10'000, kMostChecks = 2'000;
constexpr double kRidge = 1e-6;  // added to variances: a part may not shrink to a point

Point2 point(const Tensor& points, Index i) {
  return {points.data()[2 * i], points.data()[2 * i + 1]};
}

double mean(const Tensor& values) {
  double sum = 0;
  for (const real value : values.values()) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

struct Halves {
  Tensor learned, checked;
};
Halves split(const Tensor& points, Index most_learned, Index most_checked) {
  const Index apart = points.rows() / 10, rest = points.rows() - apart;
  return {points.rows(0, std::min(rest, most_learned)),
          points.rows(rest, rest + std::min(apart, most_checked))};
}

DensityModel density_model(const GaussianMixture& mixture) {
  return {at_each_point([mixture](double x, double y) { return mixture.log_density(x, y); }),
          [mixture](Index n, Rng& rng) { return mixture.sample(n, rng); }, mixture.parameters()};
}

// Sums over points, each counted by how much it belongs to a part.
struct Sums {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;

  void add(const Point2& p, double share) {
    n += share;
    x += share * p[0];
    y += share * p[1];
    xx += share * p[0] * p[0];
    xy += share * p[0] * p[1];
    yy += share * p[1] * p[1];
  }
  GaussianMixture::Part part(double points) const {
    const double mx = x / n, my = y / n;
    return {n / points,
            {mx, my},
            xx / n - mx * mx + kRidge,
            xy / n - mx * my,
            yy / n - my * my + kRidge};
  }
};

// Points drawn one after another, each with a chance that grows with its squared distance from
// those before it: Arthur and Vassilvitskii, k-means++ (2007).
std::vector<Point2> far_apart(const Tensor& points, Index count, Rng& rng) {
  std::vector<double> squared(static_cast<std::size_t>(points.rows()), 1.0);
  std::vector<Point2> chosen;
  while (std::ssize(chosen) < count) {
    double sum = 0;
    for (const double value : squared) sum += value;
    double left = sum * static_cast<double>(rng.uniform(Shape{}).item());
    std::size_t at = 0;
    while (at + 1 < squared.size() && (left -= squared[at]) > 0) ++at;
    const Point2 next = point(points, static_cast<Index>(at));
    for (std::size_t i = 0; i < squared.size(); ++i) {
      const Point2 p = point(points, static_cast<Index>(i));
      const double d = std::pow(p[0] - next[0], 2) + std::pow(p[1] - next[1], 2);
      squared[i] = chosen.empty() ? d : std::min(squared[i], d);
    }
    chosen.push_back(next);
  }
  return chosen;
}

}  // namespace

GaussianMixture::GaussianMixture(const std::vector<Part>& parts) { set(parts); }

void GaussianMixture::set(const std::vector<Part>& parts) {
  parts_ = parts;
  terms_.clear();
  for (const Part& part : parts_) terms_.push_back(term(part));
}

GaussianMixture::Term GaussianMixture::term(const Part& part) {
  const double det = part.xx * part.yy - part.xy * part.xy;
  return {std::log(part.weight / (2 * std::numbers::pi * std::sqrt(det))), part.yy / det,
          -part.xy / det, part.xx / det, part.mean};
}

double GaussianMixture::Term::operator()(double x, double y) const {
  const double dx = x - mean[0], dy = y - mean[1];
  return constant - (a * dx * dx + 2 * b * dx * dy + c * dy * dy) / 2;
}

double GaussianMixture::log_density(double x, double y) const {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const Term& log_term : terms_) largest = std::max(largest, log_term(x, y));
  for (const Term& log_term : terms_) sum += std::exp(log_term(x, y) - largest);
  return largest + std::log(sum);
}

// Expectation: to which part a point belongs, by Bayes' rule. Maximisation: each part becomes the
// Gaussian of the points that belong to it.
double GaussianMixture::improve(const Tensor& points) {
  const double n = static_cast<double>(points.rows());
  std::vector<Part> better = parts_;
  std::vector<Sums> sums(parts_.size());
  std::vector<double> shares(parts_.size());
  double likelihood = 0;
  for (Index i = 0; i < points.rows(); ++i) {
    const Point2 p = point(points, i);
    std::ranges::transform(terms_, shares.begin(),
                           [&p](const Term& log_term) { return log_term(p[0], p[1]); });
    const double largest = *std::ranges::max_element(shares);
    double sum = 0;
    for (double& share : shares) sum += share = std::exp(share - largest);
    for (std::size_t k = 0; k < shares.size(); ++k) sums[k].add(p, shares[k] / sum);
    likelihood += (largest + std::log(sum)) / n;
  }
  for (std::size_t k = 0; k < sums.size(); ++k)
    if (sums[k].n > 1e-6) better[k] = sums[k].part(n);
  set(better);
  return likelihood;
}

GaussianMixture GaussianMixture::fitted(const Tensor& points, Index parts, Rng& rng) {
  require(parts >= 1 && points.rows() > parts,
          "GaussianMixture: {} parts for {} points given; fewer than points, and at least 1", parts,
          points.rows());
  Sums all;
  for (Index i = 0; i < points.rows(); ++i) all.add(point(points, i), 1);
  Part part = all.part(static_cast<double>(points.rows()));
  const double share = 1 / static_cast<double>(parts);
  part = {share, part.mean, part.xx * share, part.xy * share, part.yy * share};
  std::vector<Part> first;
  for (const Point2& mean : far_apart(points, parts, rng)) {
    part.mean = mean;
    first.push_back(part);
  }
  GaussianMixture mixture(first);
  constexpr int kRounds = 200;
  double before = -std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    const double now = mixture.improve(points);
    if (now - before < 1e-5) break;
    before = now;
  }
  return mixture;
}

// A part by its weight, then C's Cholesky factor times normal numbers.
Tensor GaussianMixture::sample(Index n, Rng& rng) const {
  const Tensor u = rng.uniform(Shape{n});
  Tensor points = rng.normal({n, 2});
  real* at = points.mutable_data();
  for (Index i = 0; i < n; ++i, at += 2) {
    std::size_t k = 0;
    for (double left = u.data()[i]; k + 1 < parts_.size() && (left -= parts_[k].weight) > 0;) ++k;
    const Part& part = parts_[k];
    const double a = std::sqrt(part.xx), b = part.xy / a, c = std::sqrt(part.yy - b * b);
    const double z = at[0], w = at[1];
    at[0] = static_cast<real>(part.mean[0] + a * z);
    at[1] = static_cast<real>(part.mean[1] + b * z + c * w);
  }
  return points;
}

DensityModel best_gaussian(const Tensor& points) {
  Rng rng(0);  // one part begins anywhere and is there after a round
  return density_model(GaussianMixture::fitted(points, 1, rng));
}

DensityModel best_mixture(const Tensor& points, Rng& rng) {
  const auto [learned, checked] = split(points, kMostPoints, kMostPoints);
  DensityModel best;
  double highest = -std::numeric_limits<double>::infinity();
  for (Index parts = 2; parts <= std::min<Index>(64, learned.rows() - 1); parts *= 2) {
    const DensityModel model = density_model(GaussianMixture::fitted(learned, parts, rng));
    const double likelihood = mean(model.log_density(checked));
    if (likelihood <= highest) continue;
    highest = likelihood;
    best = model;
  }
  return best;
}

DensityModel kernel_density(const Tensor& points) {
  const auto [centres, checked] = split(points, kMostKernels, kMostChecks);
  const auto kernels = [&centres = centres](double width) {
    auto spread = std::make_shared<Spread>(width);
    for (Index i = 0; i < centres.rows(); ++i)
      spread->add(point(centres, i), 1 / static_cast<double>(centres.rows()));
    return spread;
  };
  const auto log_density = [](std::shared_ptr<const Spread> spread) {
    return at_each_point([spread](double x, double y) { return spread->log_density(x, y); });
  };
  double width = 1, highest = -std::numeric_limits<double>::infinity();
  for (double tried = 1; tried > 0.01; tried /= 1.2) {
    const double likelihood = mean(log_density(kernels(tried))(checked));
    if (likelihood < highest) continue;
    highest = likelihood;
    width = tried;
  }
  const auto sample = [centres = centres, width](Index n, Rng& rng) {
    const Tensor at = kernel::gather(centres, rng.integers(centres.rows(), n));
    return (at + static_cast<real>(width) * Var(rng.normal({n, 2}))).value();
  };
  return {log_density(kernels(width)), sample, 2 * centres.rows() + 1};
}

}  // namespace gradflow
