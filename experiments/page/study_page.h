// The page of a study: what was asked, the tables that answer it, its figures, and the command.
//
// Read next: experiments/run/cells.h, which fills the tables; html.h.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/draw/figure.h"
#include "experiments/page/html.h"

namespace gradflow {

// A cell of such a table: the median of what the seeds gave, the smallest and the largest; of
// nothing, a dash.
std::string median_and_range(const std::vector<double>& values);
// The same as a point of a figure, with a whisker; of nothing, none.
void add_median_and_range(Series& series, double x, const std::vector<double>& values);

struct StudyFigure {
  std::filesystem::path file;  // a PNG; left out if it is not there
  std::string caption;         // HTML, here and below
};

struct StudyPage {
  std::string name;  // of its tables: NAME.csv and NAME.json
  std::string title, subtitle;
  std::string question;             // what was asked, and how to read the answer
  std::vector<std::string> tables;  // see table()
  std::vector<StudyFigure> figures;
  std::string command;  // by which it was made
};

// One file with all in it.
std::string study_page(const StudyPage& page);

}  // namespace gradflow
