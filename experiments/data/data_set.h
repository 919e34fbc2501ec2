// DataSet: what a data set says of itself.
//
// The one idea: data that we make ourselves is known exactly. So a data set gives not only points,
// but also the density that they come from, and with it the loss that no model can beat: the
// entropy.
//
// To add one: write it like checkerboard.h, and give it a row in tests/experiments/test_data.cpp,
// which then checks that all it says agrees; and a name in catalogue.cpp, for command lines.
//
// Read next: spread.h, of which most sets are made; moons.h, rings.h; catalogue.h, all of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/data/plane.h"
#include "nn/data.h"

namespace gradflow {

struct DataSet {
  std::string name = {};                  // as on a command line
  std::vector<std::string> classes = {};  // their names; none: points without labels
  // As many points (n, D) as asked for, or a few less where each class has as many as the others.
  std::function<Data(Index n, Rng& rng)> sample = {};
  // Points (N, D) -> (N): the exact log p of each, in nats; -infinity where there is no data.
  std::function<Tensor(const Tensor& points)> log_density = {};
  // The mean of -log p over its own points. Models of standardised points reach this less the sum
  // of the logarithms of the standard deviations.
  double entropy = 0;

  // Of the distribution, not of some sample of it.
  Point2 mean = {0, 0}, deviation = {1, 1};
  Limits limits = {};  // all of it lies within, but for parts of no weight
  // Its density jumps somewhere. A smooth map cannot follow, so there a flow stays above the floor.
  bool edges = false;
};

// n points, also of a set whose sampler gives a few less, to have as many of each class.
Data exactly(Index n, const DataSet& set, Rng& rng);

// A log_density of points (N, 2) from the logarithm of a density, or from a density p(x, y).
using PlaneFunction = std::function<double(double x, double y)>;
std::function<Tensor(const Tensor& points)> at_each_point(PlaneFunction log_density);
std::function<Tensor(const Tensor& points)> log_of(PlaneFunction density);

// The same set in other units and at another place: factor x + shift.
DataSet scaled(DataSet set, double factor, Point2 shift, std::string name);

}  // namespace gradflow
