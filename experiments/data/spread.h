// Spread: points of the plane, each spread out by the same round Gaussian.
//
//   p(x) = sum_i w_i N(x; c_i, s^2 I),     sum_i w_i = 1
//
// The one idea: this one sum is nearly every data set here. Eight Gaussians are eight such points.
// A circle or an arc with noise is an integral along the curve, and the integral is such a sum to
// the last digit, if the points are a third of s apart. So whoever can draw a curve has its exact
// density, entropy and moments.
//
// (A kernel density estimate is the same sum once more, with a point for each point of the data.)
//
// Read next: blurred.h, data sets made of it.
#pragma once

#include <vector>

#include "experiments/data/plane.h"

namespace gradflow {

class Spread {
 public:
  explicit Spread(double s);  // the standard deviation. Throws ShapeError unless above 0

  void add(const Point2& centre, double weight);

  // log p(x, y), by the largest term, so that it is a number everywhere.
  double log_density(double x, double y) const;
  double entropy() const;  // - integral of p log p, in nats, by quadrature

  Point2 mean() const;
  Point2 deviation() const;  // on each axis
  Limits limits() const;     // 5 s beyond the outermost centres
  double s() const { return s_; }
  std::size_t size() const { return xs_.size(); }

 private:
  double s_;
  std::vector<double> xs_, ys_, weights_;
};

}  // namespace gradflow
