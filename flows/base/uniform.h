// Uniform: every point of a box as likely as any other; for angles, a box from -pi to pi. It has no
// parameters, and outside of its box no density: a flow from it must end there
// (univariate/circular.h does), or what it misses costs infinitely much.
#pragma once

#include <cmath>
#include <limits>

#include "flows/base.h"

namespace gradflow {

class Uniform final : public Base {
 public:
  // Throws ShapeError unless low < high, both finite, and dim >= 1.
  Uniform(Index dim, real low, real high) : dim_(dim), low_(low), high_(high) {
    require(dim >= 1, "Uniform: {} coordinates given; at least 1", dim);
    require(low < high && std::isfinite(high - low),
            "Uniform: from {} to {} given; the first below the second, both finite", low, high);
  }
  Index dim() const override { return dim_; }
  // -D log(high - low); -infinity outside; where z is NaN, NaN. Its derivative is 0.
  Var log_prob(const Var& z, const Var& = no_context) const override {
    check_points("Uniform::log_prob", z, dim_);
    const auto of_one = [low = low_, high = high_, log_p = -std::log(high_ - low_)](real v) {
      if (std::isnan(v)) return v;
      return low <= v && v <= high ? log_p : -std::numeric_limits<real>::infinity();
    };
    return kernel::sum(kernel::map("uniform", z.value(), of_one), 1);
  }
  Var sample(Index n, Rng& rng, const Var& = no_context) const override {
    check_samples("Uniform::sample", n);
    return rng.uniform({n, dim_}, low_, high_);
  }

 private:
  Index dim_;
  real low_, high_;
};

}  // namespace gradflow
