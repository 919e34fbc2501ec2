// The figures of one experiment, drawn together at the end.
//
// All of them are tried, on all cores, and each leaves its CSV, even if gnuplot is missing; only
// then is the first failure reported.
#pragma once

#include <functional>
#include <vector>

#include "experiments/draw/figure.h"
#include "experiments/run/options.h"

namespace gradflow {

// Figures that wait to be drawn.
class Gallery {
 public:
  explicit Gallery(const RunOptions& options)
      : options_{.directory = options.out, .svg = options.svg, .pdf = options.pdf} {}

  template <class Figure>
  void add(Figure figure) {
    drawings_.push_back([this, figure = std::move(figure)] { draw(figure, options_); });
  }
  // Throws FigureError if any of them could not be drawn.
  void draw_all();

 private:
  FigureOptions options_;
  std::vector<std::function<void()>> drawings_;
};

}  // namespace gradflow
