#include "experiments/data/arcs.h"

#include <cmath>
#include <numbers>

#include "experiments/data/blurred.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {
using std::numbers::pi;
}

DataSet circles(double factor, double noise) {
  return blurred("circles", {circle({0, 0}, 1), circle({0, 0}, factor)}, noise, {"outer", "inner"});
}

DataSet concentric_rings() {
  std::vector<PlaneCurve> curves;
  for (const double radius : {3.0, 2.25, 1.5, 0.75}) curves.push_back(circle({0, 0}, radius));
  return blurred("concentric_rings", curves, 0.08);
}

DataSet four_circles() {
  std::vector<PlaneCurve> curves;
  for (const double x : {-1, 1})
    for (const double y : {-1, 1}) curves.push_back(circle({x, y}, 2));
  return blurred("four_circles", curves, 0.1);
}

DataSet swiss_roll() {
  const auto at = [](double t) { return Point2{t * math::cos(t) / 5, t * math::sin(t) / 5}; };
  return blurred("swiss_roll", {PlaneCurve{at, {1.5 * pi, 4.5 * pi}}}, 0.2);
}

// Its curvature jumps where the two bows meet: in two halves, each of them is smooth.
DataSet s_curve(double noise) {
  const auto lower = [](double t) { return Point2{math::sin(t), math::cos(t) - 1}; };
  const auto upper = [](double t) { return Point2{math::sin(t), 1 - math::cos(t)}; };
  return blurred("s_curve", {PlaneCurve{upper, {-1.5 * pi, 0}}, PlaneCurve{lower, {0, 1.5 * pi}}},
                 noise);
}

}  // namespace gradflow
