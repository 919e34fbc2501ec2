// Quadrature: integrals as sums, for densities that have no formula.
//
// The one idea: a sum over the right places is not an approximation with a visible error. For a
// smooth function that has died down at both ends, evenly spaced places are right (the error falls
// faster than any power of their distance); for one that is cut off at the ends, Gauss's are.
#pragma once

#include <functional>
#include <vector>

#include "experiments/data/plane.h"

namespace gradflow {

struct Node {  // a place, and what a function's value there counts
  double at, weight;
};

// Gauss and Legendre's n places: exact for polynomials up to degree 2 n - 1.
std::vector<Node> gauss_legendre(int n, Interval over);

// The integral of f over a rectangle, from the middles of cells of this size or a little less; on
// all threads.
double integral(const Limits& over, double cell, const std::function<double(double, double)>& f);

}  // namespace gradflow
