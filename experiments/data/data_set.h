// DataSet: what a data set says of itself.
//
// The one idea: data that we make ourselves is known exactly. So a data set gives not only points,
// but also the density that they come from, and with it the loss that no model can beat: the
// entropy.
//
// To add one: write it like moons.h, and give it a row in tests/experiments/test_data.cpp, which
// then checks that the three agree.
//
// Read next: moons.h, rings.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/data.h"

namespace gradflow {

struct DataSet {
  std::string name = {};
  std::vector<std::string> classes = {};  // their names; none: points without labels
  // As many points (n, D) as asked for, or a few less where each class has as many as the others.
  std::function<Data(Index n, Rng& rng)> sample = {};
  // Points (N, D) -> (N): the exact log p of each, in nats; -infinity where there is no data.
  std::function<Tensor(const Tensor& points)> log_density = {};
  // The mean of -log p over its own points. Models of standardised points reach this less the sum
  // of the logarithms of the standard deviations.
  double entropy = 0;
};

// A log_density of points (N, 2) from a density p(x, y).
std::function<Tensor(const Tensor& points)> log_of(
    std::function<double(double x, double y)> density);

}  // namespace gradflow
