// Figures as what an experiment hands over to be drawn: see run/drawings.h.
#pragma once

#include <utility>
#include <vector>

#include "experiments/draw/figure.h"
#include "experiments/run/drawings.h"

namespace gradflow {

// Where a program's figures go, and as which files, as its command line says.
inline FigureOptions figure_options(const RunOptions& options) {
  return {.directory = options.out, .svg = options.svg, .pdf = options.pdf};
}

// Of PointFigures and LineFigures.
template <class... Figures>
std::vector<Drawing> drawings(Figures... figures) {
  std::vector<Drawing> all;
  const auto add = [&all](auto figure) {
    all.push_back([figure = std::move(figure)](const RunOptions& options) {
      draw(figure, figure_options(options));
    });
  };
  (add(std::move(figures)), ...);
  return all;
}

}  // namespace gradflow
