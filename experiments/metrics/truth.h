// Truth: a data set whose density is known, ready to judge models of it.
//
// The one idea: a loss says nothing by itself. What says something is the gap between it and the
// entropy, the lowest loss there can be, which is the Kullback-Leibler divergence KL(p || q). Both
// densities are known at every point, so the gap is the mean of log p - log q over fresh points of
// p, with a standard error of its own: what is common to both (which points happened to be drawn)
// is gone. So it is known far better than either loss, and if it is negative by more than that
// error, something is wrong: with the density, the sampler, or the points that were kept apart.
//
// Read next: experiments/programs/densities.cpp.
#pragma once

#include <span>
#include <vector>

#include "experiments/data/data_set.h"
#include "experiments/metrics/density.h"
#include "experiments/metrics/density_model.h"
#include "experiments/metrics/estimate.h"

namespace gradflow {

// A hundred rectangles, each with the same share of a sample: ten strips, each cut in ten.
class EqualCells {
 public:
  explicit EqualCells(const Tensor& sample);  // (N, 2), N at least 100
  // The share of the cells in which are at least half as many points as if all had the same.
  double covered_by(const Tensor& points) const;

 private:
  static constexpr std::size_t kCuts = 10;
  std::vector<double> x_cuts_;               // the inner borders of the strips
  std::vector<std::vector<double>> y_cuts_;  // of the cells, for each strip
};

struct Measures {
  double nll = 0;         // floor + gap, in nats, in the data's units
  double floor = 0;       // the entropy
  Estimate gap = {};      // KL(p || q): what data the model does not expect costs
  Estimate reverse = {};  // KL(q || p): what the model makes up costs; infinite beyond an edge
  double mass = 0;        // of q on a grid around the data, by its density ...
  double inside = 0;      // ... and the share of its samples there: the same, if both are right
  double coverage = 0;    // the share of the data's equal cells that its samples reach
  double precision = 0;   // the share of its samples where 99.9 % of the data are
};

class Truth {
 public:
  // Draws points to judge by. Throws Error if their mean log p is not the entropy that the set
  // announces, by more than five standard errors.
  Truth(DataSet set, Index points, Rng rng);

  const DataSet& set() const { return set_; }
  Measures measure(const DensityModel& q, Rng& rng) const;
  // Where its density is drawn, and the density that 95 % of the data do not exceed.
  Limits view() const;
  double bright() const { return bright_; }

 private:
  DataSet set_;
  Tensor points_, log_p_;
  EqualCells cells_;
  double rare_ = 0, bright_ = 0;
};

}  // namespace gradflow
