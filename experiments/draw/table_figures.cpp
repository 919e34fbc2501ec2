#include "experiments/draw/table_figures.h"

#include <algorithm>
#include <cmath>

#include "experiments/draw/sheet.h"

namespace gradflow {
namespace {

constexpr Color kData = 0x2B4C7E, kSamples = 0xC4561B;
constexpr double kBelow = 52, kGap = 10;  // pixels

// A panel's place, in pixels from the top left corner, and its axes.
struct Frame {
  double left, top, width, height;
  Interval x, y;
  std::string x_label = {}, y_label = {};
  bool x_numbers = true, y_numbers = true;
};

void axis(Sheet& sheet, char name, const Interval& range, double pixels, bool numbers,
          const std::string& label) {
  const Ticks ticks = nice_ticks(range, std::max(3.0, pixels / 62));
  sheet.say("set {}range [{}:{}]; set {}tics {}", name, range.low, range.high, name, ticks.step);
  sheet.say("set format {} '{}'; set {}label {}", name, numbers ? ticks.format() : "", name,
            gnuplot_quoted(label));
}

void frame(Sheet& sheet, const Frame& f, double width, double height) {
  sheet.say("\nset lmargin at screen {:.5f}; set rmargin at screen {:.5f}", f.left / width,
            (f.left + f.width) / width);
  sheet.say("set tmargin at screen {:.5f}; set bmargin at screen {:.5f}", 1 - f.top / height,
            1 - (f.top + f.height) / height);
  axis(sheet, 'x', f.x, f.width, f.x_numbers, f.x_label);
  axis(sheet, 'y', f.y, f.height, f.y_numbers, f.y_label);
}

std::string cloud(Sheet& sheet, std::size_t panel, const std::string& series, const Points2& points,
                  Color color) {
  if (points.empty()) return "NaN notitle";
  const double opacity = points.size() > 1000 ? 0.35 : 0.6;
  return fmt::format("{} using 5:6 with points pt 7 ps 0.22*dot lw 0.01 lc rgb {} notitle",
                     sheet.rows(panel, series, "cloud", points), gnuplot_color(color, opacity));
}

// How often values fall into each of some cells, as a share for each unit of the axis: a staircase.
Points2 histogram(const Column& values, const Interval& range) {
  constexpr std::size_t kCells = 40;
  std::vector<double> counts(kCells, 0.0);
  const double width = (range.high - range.low) / kCells;
  for (const double value : values)
    if (value >= range.low && value < range.high)
      ++counts[std::min(kCells - 1, static_cast<std::size_t>((value - range.low) / width))];
  Points2 steps;
  for (std::size_t i = 0; i < kCells; ++i) {
    const double height = counts[i] / (static_cast<double>(values.size()) * width);
    steps.push_back({range.low + static_cast<double>(i) * width, height});
    steps.push_back({range.low + static_cast<double>(i + 1) * width, height});
  }
  return steps;
}

Points2 pairs(const std::vector<Column>& columns, std::size_t x, std::size_t y,
              const std::vector<Interval>& limits) {
  const auto inside = [&](std::size_t c, double v) {
    return v >= limits[c].low && v <= limits[c].high;
  };
  Points2 points;
  for (std::size_t k = 0; k < columns[x].size(); ++k)
    if (inside(x, columns[x][k]) && inside(y, columns[y][k]))
      points.push_back({columns[x][k], columns[y][k]});
  return points;
}

// Half the pixels of a number is enough room to the left of the frame for short ones.
double room_for(const std::vector<Interval>& limits, double pixels) {
  double room = 0;
  for (const Interval& range : limits)
    room = std::max(room, nice_ticks(range, std::max(3.0, pixels / 62)).width(range));
  return room + 16 + kLine;
}

class Corner {
 public:
  Corner(const CornerFigure& figure, double panel)
      : figure_(figure),
        D_(figure.columns.size()),
        panel_(panel),
        left_(room_for(figure.limits, panel)),
        width_(left_ + static_cast<double>(D_) * (panel + kGap) + 8),
        height_(8 + static_cast<double>(D_) * (panel + kGap) + kBelow) {}

  void save(const FigureOptions& options) {
    Legend legend;
    legend.add("data", look(kData));
    legend.add("samples of the model", look(kSamples));
    const double height = height_ + legend.height(width_);
    Sheet sheet(figure_.name, width_, height, false);
    sheet.say("set multiplot");
    for (std::size_t row = 0; row < D_; ++row)
      for (std::size_t column = 0; column < D_; ++column) {
        std::vector<std::string> elements =
            row == column ? diagonal(sheet, row, height) : off_diagonal(sheet, row, column, height);
        if (row + 1 == D_ && column + 1 == D_) {
          const auto& entries = legend.place(sheet, width_, height);
          elements.insert(elements.end(), entries.begin(), entries.end());
        }
        sheet.plot(elements);
      }
    sheet.say("unset multiplot");
    sheet.save(options);
  }

 private:
  static std::string look(Color color) {
    return "with points pt 7 ps 0.9*dot lc rgb " + gnuplot_color(color);
  }
  std::size_t number(std::size_t row, std::size_t column) const { return row * D_ + column + 1; }
  Frame at(std::size_t row, std::size_t column) const {
    const double step = panel_ + kGap;
    return {left_ + static_cast<double>(column) * step,
            8 + static_cast<double>(row) * step,
            panel_,
            panel_,
            figure_.limits[column],
            figure_.limits[row],
            row + 1 == D_ ? figure_.columns[column] : "",
            column == 0 ? figure_.columns[row] : "",
            row + 1 == D_,
            column == 0};
  }
  std::vector<std::string> diagonal(Sheet& sheet, std::size_t i, double height) const {
    std::vector<std::string> elements{"NaN notitle"};
    std::vector<std::pair<Points2, Color>> curves;
    if (!figure_.data.empty())
      curves.emplace_back(histogram(figure_.data[i], figure_.limits[i]), kData);
    curves.emplace_back(histogram(figure_.samples[i], figure_.limits[i]), kSamples);
    double top = 0;
    for (const auto& [curve, color] : curves)
      for (const Point2& p : curve) top = std::max(top, p[1]);
    Frame here = at(i, i);
    here.y = {0, top > 0 ? 1.08 * top : 1};
    here.y_numbers = false;
    frame(sheet, here, width_, height);
    for (const auto& [curve, color] : curves)
      elements.push_back(fmt::format(
          "{} using 5:6 with lines lw 1.3 lc rgb {} notitle",
          sheet.rows(number(i, i), color == kData ? "data" : "samples", "histogram", curve),
          gnuplot_color(color)));
    return elements;
  }
  std::vector<std::string> off_diagonal(Sheet& sheet, std::size_t row, std::size_t column,
                                        double height) const {
    frame(sheet, at(row, column), width_, height);
    const bool of_data = row > column;
    const auto& columns = of_data ? figure_.data : figure_.samples;
    if (columns.empty()) return {"NaN notitle"};
    return {cloud(sheet, number(row, column), of_data ? "data" : "samples",
                  pairs(columns, column, row, figure_.limits), of_data ? kData : kSamples)};
  }

  const CornerFigure& figure_;
  std::size_t D_;
  double panel_, left_, width_, height_;
};

}  // namespace

void draw(const CornerFigure& figure, const FigureOptions& options) {
  const std::size_t D = figure.columns.size();
  check_figure(D >= 1 && figure.limits.size() == D && figure.samples.size() == D, figure.name,
               fmt::format("{} columns, {} limits and {} columns of samples", D,
                           figure.limits.size(), figure.samples.size()));
  check_figure(figure.data.empty() || figure.data.size() == D, figure.name, "columns without data");
  for (const Interval& range : figure.limits) check_range(range, figure.name);
  Corner(figure, D == 1 ? 420 : D == 2 ? 270 : D <= 4 ? 180 : 128).save(options);
}

void draw(const PlaneFigure& figure, const FigureOptions& options) {
  const HeatMap& map = figure.density;
  check_figure(map.columns > 1 && !map.values.empty() && map.values.size() % map.columns == 0,
               figure.name, "a heat map without whole rows");
  check_range(map.over.x, figure.name);
  check_range(map.over.y, figure.name);
  constexpr double kPanel = 310;
  const double left = room_for({map.over.y}, kPanel), width = left + 2 * kPanel + kGap + 12,
               height = 8 + kPanel + kBelow;
  Sheet sheet(figure.name, width, height, false);
  palette(sheet, {0, std::max(1e-300, *std::ranges::max_element(map.values))});
  sheet.say("unset colorbox\nset multiplot");
  Frame panel{left, 8, kPanel, kPanel, map.over.x, map.over.y, figure.x_label, figure.y_label};
  frame(sheet, panel, width, height);
  sheet.plot({"NaN notitle", cloud(sheet, 1, "data", figure.data, kData)});
  panel.left += kPanel + kGap;
  panel.y_numbers = false;
  panel.y_label = "";
  frame(sheet, panel, width, height);
  const std::size_t rows = map.values.size() / map.columns;
  Points2 cells;
  for (std::size_t k = 0; k < map.values.size(); ++k) {
    const auto middle = [](const Interval& range, std::size_t i, std::size_t n) {
      return range.low +
             (range.high - range.low) * (static_cast<double>(i) + 0.5) / static_cast<double>(n);
    };
    cells.push_back({middle(map.over.x, k % map.columns, map.columns),
                     middle(map.over.y, k / map.columns, rows)});
  }
  sheet.plot(
      {sheet.rows(2, "density", "cell", cells, map.values) + " using 5:6:7 with image notitle"});
  sheet.say("unset multiplot");
  sheet.save(options);
}

}  // namespace gradflow
