// Figures of tables: columns of different units beside each other, so that each panel has axes of
// its own.
//
// Read next: figure.h, the figures whose panels share their axes.
#pragma once

#include "experiments/draw/figure.h"

namespace gradflow {

using Column = std::vector<double>;

// Every column against every other: data below the diagonal, samples above it, and on it how often
// each value occurs in both. What lies outside the limits is not drawn.
struct CornerFigure {
  std::string name = {};
  std::vector<std::string> columns = {};
  std::vector<Interval> limits = {};            // one for each column
  std::vector<Column> data = {}, samples = {};  // one for each column; data may be missing
};

// Points of the data beside a density of the same two columns.
struct PlaneFigure {
  std::string name = {};
  std::string x_label = {}, y_label = {};
  Points2 data = {};
  HeatMap density = {};  // over what is drawn
};

// As draw() of figure.h does.
void draw(const CornerFigure& figure, const FigureOptions& options);
void draw(const PlaneFigure& figure, const FigureOptions& options);

}  // namespace gradflow
