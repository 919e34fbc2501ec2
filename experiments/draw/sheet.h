// Sheet: a figure on its way to its files, the rows of a table and the lines of a script.
//
// The one idea: the script never holds data. rows() adds points to the table and returns the words
// with which a `plot` command selects just these rows again, by number: so what is drawn and what
// is saved cannot differ.
//
// Read next: figure.cpp, which fills sheets; gnuplot.h, by which save() has them drawn.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/draw/figure.h"

namespace gradflow {

// Throws FigureError "<name>: <otherwise>" unless `holds`.
void check_figure(bool holds, const std::string& name, const std::string& otherwise);
void check_range(Interval range, const std::string& name);  // finite, low below high

class Sheet {
 public:
  // Starts the script: terminal, fonts, the looks that all figures share. Sizes in screen pixels.
  Sheet(std::string name, double width, double height, bool markup);

  // Adds one line to the script. fmt knows no locale: a number has a point, never a comma.
  template <typename... T>
  void say(fmt::format_string<T...> line, T&&... values) {
    fmt::format_to(std::back_inserter(script_), line, std::forward<T>(values)...);
    script_ += '\n';
  }
  // Adds one `plot` of these elements, the first at the bottom.
  void plot(const std::vector<std::string>& elements);

  // Gives the table two more columns, dx and dy. To be called before the first row is added.
  void add_vector_columns();

  // Adds the points, one at least, to the table and returns what selects them; columns 5:6:7 are x,
  // y and t, columns 8:9 dx and dy if there are such.
  std::string rows(std::size_t panel, const std::string& series, std::string_view kind,
                   const Points2& points, const std::vector<double>& t = {},
                   const Points2& vectors = {});

  // Writes the table and the script and has them drawn; throws FigureError.
  void save(const FigureOptions& options) const;

 private:
  std::string name_;
  std::string table_ = "panel,series,kind,index,x,y,t\n";
  bool vector_columns_ = false;
  std::string script_;
  std::size_t rows_ = 0;
};

// The colours of numbers in this range: viridis, which is read alike by the colour-blind and in
// grey.
void palette(Sheet& sheet, const Interval& range);

// One row below the figure that explains its colours. Its entries are its own, not those of plots:
// points are larger there and opaque, and what several panels share appears once.
class Legend {
 public:
  void add(const std::string& label, const std::string& look);  // a repeated label is ignored
  double height(double width) const;                            // that it takes on such a canvas
  // Places it; the result belongs at the end of the last plot's elements.
  const std::vector<std::string>& place(Sheet& sheet, double width, double height) const;

 private:
  double lines(double width) const;

  std::vector<std::string> labels_;
  std::vector<std::string> entries_;
  double width_ = 0;  // of the widest entry
};

// The interval of the numbers it has seen, but for those that no axis can show (NaN among them).
class Extent {
 public:
  explicit Extent(bool log = false) : log_(log) {}
  void add(double value);
  // Wider by this share on each side, measured on the axis; never empty.
  Interval padded(double share) const;

 private:
  bool log_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

// The numbers along an axis.
struct Ticks {
  double step = 1;   // 1, 2 or 5 times a power of ten
  int decimals = 0;  // as many as the step has; less than zero: too large or small for them

  std::string format() const;          // for gnuplot
  double width(Interval range) const;  // in pixels, of the longest number
};

// About `most` ticks at round numbers; `whole`: at integers only.
Ticks nice_ticks(Interval range, double most, bool whole = false);

std::string gnuplot_color(Color color, double opacity = 1);  // as a string of its language
double text_width(std::string_view text);                    // a fair guess, in pixels

// Pixels: a letter's mean width, and from one line of text to the next.
inline constexpr double kCharacter = 6.9;
inline constexpr double kLine = 20;

}  // namespace gradflow
