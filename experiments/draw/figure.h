// The figures of the report: points, paths, heat maps and arrows in panels, and line plots.
//
// The one idea: a figure is plain data. It is saved as <name>.csv, a gnuplot script <name>.gp is
// written that plots this very file, and gnuplot makes <name>.png of the two. So every figure can
// be restyled (edit the script, run `gnuplot <name>.gp` beside it) or analysed
// (pandas.read_csv("<name>.csv")) without running any experiment again.
//
//   draw(PointFigure{.name = "fig02",
//                    .panels = {{.title = "seed 1", .clouds = {{.points = samples}}}}},
//        {.directory = "results"});
//
// Read next: figure.cpp, how a figure looks; sheet.h, how it becomes a table and a script.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/data/plane.h"
#include "experiments/draw/gnuplot.h"

namespace gradflow {

using Color = std::uint32_t;  // 0xRRGGBB

namespace colors {
// The rings, each dark enough to be told from white paper. By name, not in an array: the rings'
// own order and the alphabetical order of the class ids differ.
inline constexpr Color blue = 0x0077C0;
inline constexpr Color black = 0x1A1A1A;
inline constexpr Color red = 0xDC2743;
inline constexpr Color yellow = 0xE0A100;
inline constexpr Color green = 0x00934A;

inline constexpr Color ink = 0x2B4C7E;    // a cloud of no particular class
inline constexpr Color faint = 0xC4C9D0;  // a cloud that stays in the background
inline constexpr Color grey = 0x6F7680;   // lines that guide the eye
}  // namespace colors

using Points2 = std::vector<Point2>;  // in the order they are drawn or joined

// Points that are not finite are kept in the CSV and left out of the drawing, here and below.
struct Cloud {
  Points2 points = {};
  Color color = colors::ink;
  std::string label = {};  // its entry in the legend; empty: none
  double opacity = 0.55;
  double size = 1;  // of a point, in units of the usual size
};

// States in the order they were visited: a line through them, and marks coloured by time.
struct Trail {
  Points2 points = {};
  std::vector<double> times = {};  // as many; empty: evenly spaced over PointFigure::bar
  Color color = colors::grey;      // of the line
  std::string label = {};
  double width = 1;  // of the line, in units of the usual one; above 1 its colour rims the marks
};

// A function of the plane as colours.
struct HeatMap {
  Limits over = {};
  std::size_t columns = 0;
  // In the middle of each cell, row by row, the lowest row first; as many as whole rows hold.
  std::vector<double> values = {};
};

// Curves without marks, e.g. the lines of a grid.
struct Curves {
  std::vector<Points2> lines = {};
  std::vector<std::vector<double>> values = {};  // one for each point, as colour; empty: `color`
  Color color = colors::grey;
  std::string label = {};
  double opacity = 1;
  double width = 1;  // in units of the usual width
};

struct Arrows {                     // vectors at points, e.g. a velocity field
  Points2 at = {};                  // where they begin
  Points2 vectors = {};             // as many
  double scale = 1;                 // of the length drawn to that of the vector
  std::optional<Color> color = {};  // empty: by the vector's length
  std::string label = {};
};

struct Label {  // a text at a point
  std::string text = {};
  Point2 at = {};  // the text stands beside it, turned towards the middle of the panel
};

struct Panel {  // drawn in this order, the first at the bottom
  std::string title = {};
  std::optional<HeatMap> map = {};
  std::vector<Cloud> clouds = {};
  std::vector<Curves> curves = {};
  std::vector<Trail> paths = {};
  std::vector<Arrows> arrows = {};
  std::vector<Label> labels = {};
};

// The colour bar, of whatever is coloured by a number: drawn if there is anything of that kind.
// Numbers outside its range have the colour of its end.
struct ColorBar {
  std::string label = "t  (0 = noise, 1 = data)";
  Interval range = {};
};

// Panels in a grid, row by row, all with the same limits and with equal axes.
struct PointFigure {
  std::string name = {};  // of its files, without a directory, e.g. "fig03"
  std::vector<Panel> panels = {};
  std::string x_label = {};
  std::string y_label = {};
  std::optional<Limits> limits = {};  // what lies outside is not drawn; empty: all is inside
  ColorBar bar = {};
  int columns = 0;      // 0: three at most
  bool markup = false;  // true: texts are gnuplot's enhanced text, e.g. "y_1" is a subscript
};

enum class Dash { solid, dashed, dotted };  // how a curve is drawn

struct Series {  // a curve through points
  std::string label = {};
  std::vector<double> x = {};
  std::vector<double> y = {};
  std::optional<Color> color = {};  // empty: the next of a colour-blind safe set
  Dash dash = Dash::solid;
  std::vector<Interval> ranges = {};  // of y: a whisker for each point, or none at all
};

struct ReferenceLine {  // a horizontal line across the plot, its label to the right of the frame
  std::string label = {};
  double y = 0;
  Color color = colors::grey;
};

struct LineFigure {  // curves over one pair of axes
  std::string name = {};
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  std::vector<Series> series = {};
  std::vector<ReferenceLine> references = {};
  // What is at x = 1, 2, ..., if these are no numbers: points are then not joined, and those of
  // several series stand side by side.
  std::vector<std::string> categories = {};
  std::optional<Interval> y_range = {};
  bool log_x = false;  // on a log axis only what is above zero is drawn
  bool log_y = false;
  bool markup = false;
};

struct FigureOptions {                    // where figures go, and in which formats
  std::filesystem::path directory = ".";  // made if it is missing
  bool svg = false;                       // beside the PNG
  bool pdf = false;
};

// Write <name>.csv (columns panel,series,kind,index,x,y,t, where t is whatever number gives the
// colour, and dx,dy if there are arrows or whiskers), <name>.gp and <name>.png, at twice the
// resolution of a screen, and the other formats asked for. Throw FigureError, with a one-line
// what(), if the figure makes no sense (sizes differ, nothing to draw) or gnuplot fails; in that
// last case the CSV and the script are there and no image is.
void draw(const PointFigure& figure, const FigureOptions& options);
void draw(const LineFigure& figure, const FigureOptions& options);

}  // namespace gradflow
