// What one would try before a flow: the best Gaussian, a mixture of Gaussians, a kernel density.
//
// The one idea: a flow that does not beat these was not worth training. Each takes points (N, 2),
// best standardised, and keeps the last tenth of them apart where it has to choose something.
//
// Read next: truth.h.
#pragma once

#include <vector>

#include "experiments/data/plane.h"
#include "experiments/metrics/density_model.h"

namespace gradflow {

// sum_k w_k N(x; m_k, C_k), found by expectation and maximisation (EM): Dempster, Laird, Rubin
// (1977).
class GaussianMixture {
 public:
  struct Part {
    double weight = 1;
    Point2 mean = {0, 0};
    double xx = 1, xy = 0, yy = 1;  // the covariance
  };
  explicit GaussianMixture(const std::vector<Part>& parts);

  // Begins at points that are far from each other, and stops when a round gains less than 1e-5
  // nats, or after 200. Throws ShapeError unless there are more points than parts.
  static GaussianMixture fitted(const Tensor& points, Index parts, Rng& rng);

  const std::vector<Part>& parts() const { return parts_; }
  double log_density(double x, double y) const;
  Tensor sample(Index n, Rng& rng) const;
  Index parameters() const { return 6 * std::ssize(parts_) - 1; }  // the weights sum to 1

 private:
  // A part's share of the density as a polynomial: log (w N) = constant - (a dx^2 + 2 b dx dy +
  // c dy^2) / 2.
  struct Term {
    double constant, a, b, c;
    Point2 mean;
    double operator()(double x, double y) const;
  };
  static Term term(const Part& part);
  void set(const std::vector<Part>& parts);
  double improve(const Tensor& points);  // one round; returns the mean log-likelihood before it

  std::vector<Part> parts_;
  std::vector<Term> terms_;  // of the parts
};

DensityModel best_gaussian(const Tensor& points);
// As many parts, of 2, 4, 8, ... 64, as make the points kept apart likeliest.
DensityModel best_mixture(const Tensor& points, Rng& rng);
// A round Gaussian on each of the first 10 000 points, as wide as makes those kept apart likeliest.
DensityModel kernel_density(const Tensor& points);

}  // namespace gradflow
