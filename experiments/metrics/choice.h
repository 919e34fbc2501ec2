// Choice: how large a mixture should be, and how wide a kernel: by points that were kept apart.
//
// The one idea: what is chosen is whatever makes those points likeliest, and the search stands
// here once, for tables and for the plane.
//
// Read next: baselines.h; ../table/mixtures.h.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "experiments/metrics/mixture.h"

namespace gradflow {

// Which mixtures choose_mixture() tries, and when it ends.
struct MixtureSearch {
  Index most = 64;                      // Gaussians
  std::vector<double> floors = {1e-6};  // under the variances; the first while sizes are tried
  // How many sizes in a row may be no better until it ends: on a winding shape 16 Gaussians are
  // sometimes no better than 8, and 64 are.
  Index patience = std::numeric_limits<Index>::max();
  std::function<bool()> stop = [] { return false; };  // asked in between
};

// What `fit` makes of MixtureOptions with the highest `score`: of 2, 4, 8, ... Gaussians (1, if
// that is the most), then under the other floors.
template <class Fit, class Score>
auto choose_mixture(const MixtureSearch& search, const Fit& fit, const Score& score) {
  struct Chosen {
    decltype(fit(MixtureOptions())) model;
    MixtureOptions options;
    double score;
  };
  const auto tried = [&](MixtureOptions options) {
    auto model = fit(options);
    const double reached = score(model);
    return Chosen{std::move(model), options, reached};
  };
  MixtureOptions options{.components = std::min<Index>(2, search.most),
                         .floor = search.floors.front()};
  Chosen best = tried(options);
  const auto is_better = [&] {
    Chosen now = tried(options);
    if (!(now.score > best.score)) return false;
    best = std::move(now);
    return true;
  };
  Index since = 0;
  for (options.components = 4; options.components <= search.most; options.components *= 2) {
    if (since >= search.patience || search.stop()) break;
    since = is_better() ? 0 : since + 1;
  }
  options = best.options;
  for (std::size_t i = 1; i < search.floors.size() && !search.stop(); ++i) {
    options.floor = search.floors[i];
    is_better();
  }
  return best;
}

// The width with the highest score, of `widest` and less, each 1.2 times the next, above 0.01.
template <class Score>
double choose_width(double widest, const Score& score) {
  double best = widest, highest = -std::numeric_limits<double>::infinity();
  double width = widest;
  while (width > 0.01) {
    const double reached = score(width);
    if (reached >= highest) highest = reached, best = width;
    width /= 1.2;
  }
  return best;
}

}  // namespace gradflow
