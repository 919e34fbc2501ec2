// Data sets of places and curves with Gaussian noise around them.
//
// The one idea: a curve says where it is at each t, and its points are drawn with t uniform. The
// rest, sampler, exact density, entropy and moments, follows (spread.h).
//
// Read next: arcs.h and gaussians.h, the sets that are made so.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/data/data_set.h"

namespace gradflow {

struct PlaneCurve {
  std::function<Point2(double t)> at;
  Interval t = {0, 1};
};

// Each point on one of the curves, all as likely, t uniform on its interval, and N(0, noise^2)
// added to both coordinates. If they have classes, a point's is its curve's, and they take turns.
// Throws ShapeError for no curves, a noise that is not above 0, and other than one class for each.
DataSet blurred(std::string name, std::vector<PlaneCurve> curves, double noise,
                std::vector<std::string> classes = {});
// The same for places.
DataSet blurred(std::string name, std::vector<Point2> places, double noise,
                std::vector<std::string> classes = {});

// A whole circle.
PlaneCurve circle(Point2 centre, double radius);

}  // namespace gradflow
