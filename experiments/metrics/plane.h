// Parts of the plane, of which figures and grids are made.
#pragma once

namespace gradflow {

struct Interval {  // of numbers, ends included
  double low = 0;
  double high = 1;
};

struct Limits {  // a rectangle
  Interval x = {};
  Interval y = {};
};

}  // namespace gradflow
