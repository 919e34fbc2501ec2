// Points and parts of the plane, of which data sets, figures and grids are made.
#pragma once

#include <array>

namespace gradflow {

using Point2 = std::array<double, 2>;  // x, y

struct Interval {  // of numbers, ends included
  double low = 0;
  double high = 1;
};

struct Limits {  // a rectangle
  Interval x = {};
  Interval y = {};
};

}  // namespace gradflow
