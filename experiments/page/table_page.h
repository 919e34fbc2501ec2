// The page of a model of a table: what the data is, what the model makes of it, how good that is.
//
// The one idea: whoever reads it must be able to see whether the model is any good without having
// to believe it. So samples lie beside data, its score beside that of simpler models, and the
// ranks that it gives to rows it has not seen beside those it gives to its own samples.
//
// Read next: table_figures.cpp; html.h.
#pragma once

#include "experiments/draw/table_figures.h"
#include "experiments/table/model.h"

namespace gradflow {

struct TablePage {
  const TableModel& model;
  Tensor rows = {};  // (n, all_columns()): of the data, to be shown; no elements: there are none
  Tensor held_out = {};  // the same of rows that it was not trained on: for ranks; may be `rows`
  std::string command = {};  // by which the model was made; may be empty
};

// Draws the figures into a directory beside `path` that is removed at the end, and writes the page:
// one file with all in it. What cannot be drawn is named on the page, which is written all the
// same. Throws FileError if it cannot be written.
void write_table_page(const std::filesystem::path& path, const TablePage& page, const Rng& rng);

// The page's figures.
struct TableFigures {
  CornerFigure corner;
  std::optional<PlaneFigure> plane;       // for two columns or more
  std::optional<LineFigure> losses;       // of flows
  std::optional<LineFigure> calibration;  // with held-out rows
};
TableFigures table_figures(const TablePage& page, const Rng& rng);

// The two columns (numbers from 0) of which each tells most of the other: of the largest mutual
// information, counted in cells of ranks. And the others in the order of what they tell.
std::vector<Index> most_telling(const Tensor& rows, Index columns);

}  // namespace gradflow
