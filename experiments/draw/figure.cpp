// How figures look. Panels, legend and colour bar are placed by arithmetic, in pixels of a screen:
// gnuplot's own layout neither shares them between panels nor keeps equal axes tight.
//
// Read next: sheet.h, where the table and the script of a figure are collected.
#include "experiments/draw/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "experiments/draw/sheet.h"

namespace gradflow {
namespace {

constexpr double kTickLabels = 28;  // the room of the numbers beside or below a frame
constexpr double kColorBar = 78;    // of the colour bar, its numbers and its label

std::string name_or(const std::string& label, std::string_view kind, std::size_t i) {
  return label.empty() ? fmt::format("{} {}", kind, i + 1) : label;
}

// ---- Panels of points ---------------------------------------------------------------------------

// Whether anything in it is coloured by a number.
bool needs_bar(const Panel& panel) {
  return panel.map || !panel.paths.empty() ||
         std::ranges::any_of(panel.curves, [](const Curves& c) { return !c.values.empty(); }) ||
         std::ranges::any_of(panel.arrows, [](const Arrows& a) { return !a.color; });
}

void check_sizes(std::size_t given, std::size_t needed, const std::string& name,
                 std::string_view what) {
  check_figure(given == needed, name, fmt::format("{} {} for {}", given, what, needed));
}

void check_contents(const Panel& panel, const std::string& name) {
  for (const Trail& path : panel.paths)
    if (!path.times.empty()) check_sizes(path.times.size(), path.points.size(), name, "times");
  for (const Curves& curves : panel.curves) {
    if (curves.values.empty()) continue;
    check_sizes(curves.values.size(), curves.lines.size(), name, "lists of values");
    for (std::size_t i = 0; i < curves.lines.size(); ++i)
      check_sizes(curves.values[i].size(), curves.lines[i].size(), name, "values");
  }
  for (const Arrows& arrows : panel.arrows)
    check_sizes(arrows.vectors.size(), arrows.at.size(), name, "arrows");
  if (panel.map) {
    const std::size_t n = panel.map->values.size(), columns = panel.map->columns;
    check_figure(columns > 1 && n > columns && n % columns == 0, name,
                 fmt::format("a heat map of {} values in rows of {}", n, columns));
  }
}

void check_contents(const PointFigure& figure) {
  check_figure(!figure.panels.empty(), figure.name, "has no panels");
  check_range(figure.bar.range, figure.name);
  if (figure.limits) check_range(figure.limits->x, figure.name);
  if (figure.limits) check_range(figure.limits->y, figure.name);
  for (const Panel& panel : figure.panels) check_contents(panel, figure.name);
}

Limits limits_of(const PointFigure& figure) {
  Extent x;
  Extent y;
  double margin = 0.04;
  const auto add = [&](const Point2& point) {
    if (!std::isfinite(point[0]) || !std::isfinite(point[1])) return;
    x.add(point[0]);
    y.add(point[1]);
  };
  for (const Panel& panel : figure.panels) {
    for (const Cloud& cloud : panel.clouds) std::ranges::for_each(cloud.points, add);
    for (const Trail& path : panel.paths) std::ranges::for_each(path.points, add);
    for (const Curves& curves : panel.curves)
      for (const Points2& line : curves.lines) std::ranges::for_each(line, add);
    for (const Arrows& arrows : panel.arrows) std::ranges::for_each(arrows.at, add);
    if (panel.map) {
      add({panel.map->over.x.low, panel.map->over.y.low});
      add({panel.map->over.x.high, panel.map->over.y.high});
    }
    for (const Label& label : panel.labels) add(label.at);
    if (!panel.labels.empty()) margin = 0.08;
  }
  return {x.padded(margin), y.padded(margin)};
}

Legend legend_of(const PointFigure& figure) {
  Legend legend;
  for (const Panel& panel : figure.panels) {
    for (const Cloud& cloud : panel.clouds) {
      legend.add(cloud.label, "with points pt 7 ps 0.9*dot lc rgb " + gnuplot_color(cloud.color));
    }
    for (const Curves& curves : panel.curves) {
      legend.add(curves.label, "with lines lw 2 lc rgb " + gnuplot_color(curves.color));
    }
    for (const Trail& path : panel.paths) {
      legend.add(path.label, "with lines lw 2 lc rgb " + gnuplot_color(path.color));
    }
    for (const Arrows& arrows : panel.arrows) {
      if (arrows.color)
        legend.add(arrows.label, "with lines lw 3 lc rgb " + gnuplot_color(*arrows.color));
    }
  }
  return legend;
}

// Where everything is, in pixels from the top left corner of the canvas.
struct Grid {
  Limits limits;
  Ticks ticks;
  std::size_t panels, columns;
  double panel_width, panel_height, left, top, title, width, height;

  Grid(const PointFigure& figure, const Legend& legend);
  double x(std::size_t panel) const {
    return left + static_cast<double>(panel % columns) * (panel_width + 16);
  }
  double y(std::size_t panel) const {
    const std::size_t row = panel / columns;
    return top + static_cast<double>(row) * (panel_height + 14 + title);
  }
  double bottom(std::size_t panel) const { return y(panel) + panel_height; }
  bool is_leftmost(std::size_t panel) const { return panel % columns == 0; }
  bool is_lowest(std::size_t panel) const { return panel + columns >= panels; }
  // In gnuplot's screen units, which start at the bottom.
  double across(double pixels) const { return pixels / width; }
  double up(double pixels) const { return 1 - pixels / height; }
};

Grid::Grid(const PointFigure& figure, const Legend& legend)
    : limits(figure.limits.value_or(limits_of(figure))), panels(figure.panels.size()) {
  const std::size_t usual = panels == 4 ? 2 : 3;
  columns = std::min(panels, figure.columns > 0 ? static_cast<std::size_t>(figure.columns) : usual);
  const double aspect = (limits.y.high - limits.y.low) / (limits.x.high - limits.x.low);
  panel_width = columns == 1 ? 440 : columns == 2 ? 340 : 270;
  panel_height = panel_width * std::clamp(aspect, 0.3, 1.5);
  title = 0;
  for (const Panel& panel : figure.panels) {
    if (panel.title.empty()) continue;
    const auto breaks = std::ranges::count(panel.title, '\n');
    title = std::max(title, kLine * static_cast<double>(1 + breaks) + 4);
  }
  ticks = nice_ticks(limits.x, panel_width / 52);
  left =
      std::max(ticks.width(limits.y), 2 * kCharacter) + 16 + (figure.y_label.empty() ? 0 : kLine);
  top = 8 + title;
  const bool bar = std::ranges::any_of(figure.panels, needs_bar);
  width = x(columns - 1) + panel_width + (bar ? kColorBar : 14);
  height = bottom(panels - 1) + kTickLabels + (figure.x_label.empty() ? 0 : kLine) +
           legend.height(width);
}

void axes(Sheet& sheet, const Limits& limits, double step) {
  sheet.say("set xrange [{}:{}]; set xtics {}", limits.x.low, limits.x.high, step);
  sheet.say("set yrange [{}:{}]; set ytics {}", limits.y.low, limits.y.high, step);
  sheet.say("set size ratio -1");
}

// Only the outer panels carry numbers, as all share their limits.
void frame(Sheet& sheet, const PointFigure& figure, const Grid& grid, std::size_t i) {
  const std::string numbers = grid.ticks.format();
  const bool low = grid.is_lowest(i);
  const bool left = grid.is_leftmost(i);
  sheet.say("\nset title {}", gnuplot_quoted(figure.panels[i].title));
  sheet.say("set lmargin at screen {:.5f}; set rmargin at screen {:.5f}", grid.across(grid.x(i)),
            grid.across(grid.x(i) + grid.panel_width));
  sheet.say("set tmargin at screen {:.5f}; set bmargin at screen {:.5f}", grid.up(grid.y(i)),
            grid.up(grid.bottom(i)));
  sheet.say("set format x '{}'; set format y '{}'", low ? numbers : "", left ? numbers : "");
  sheet.say("set xlabel {}; set ylabel {}", gnuplot_quoted(low ? figure.x_label : ""),
            gnuplot_quoted(left ? figure.y_label : ""));
}

// For one panel only, or it would be drawn as often as there are panels.
void color_bar(Sheet& sheet, const ColorBar& bar, const Grid& grid) {
  const Ticks ticks = nice_ticks(bar.range, 5);
  const double top = grid.up(grid.top);
  const double bottom = grid.up(grid.bottom(grid.panels - 1));
  sheet.say("set cbtics {} format '{}' offset -0.6,0", ticks.step, ticks.format());
  sheet.say("set colorbox vertical user origin screen {:.5f},{:.5f} size screen {:.5f},{:.5f}",
            grid.across(grid.width - kColorBar + 12), bottom, grid.across(12), top - bottom);
  sheet.say("set label 1 {} at screen {:.5f},{:.5f} center rotate", gnuplot_quoted(bar.label),
            grid.across(grid.width - 12), (top + bottom) / 2);
}

std::vector<double> times_of(const Trail& path, const Interval& range) {
  if (!path.times.empty()) return path.times;
  std::vector<double> times(path.points.size());
  const double last = std::max(1.0, static_cast<double>(times.size()) - 1);
  for (std::size_t i = 0; i < times.size(); ++i) {
    times[i] = range.low + (range.high - range.low) * static_cast<double>(i) / last;
  }
  return times;
}

// The text goes outwards, as paths come from the middle, unless the frame is too near.
std::string label_look(const Label& label, const Grid& grid) {
  const auto side = [](double value, Interval range, double pixels, double room) {
    const double position = (value - range.low) / (range.high - range.low) * pixels;
    const bool first_half = 2 * position < pixels;
    const bool fits = std::min(position, pixels - position) > room;
    return first_half == fits ? -1 : 1;
  };
  const double width = text_width(label.text) + 10;
  const int across = side(label.at[0], grid.limits.x, grid.panel_width, width);
  const int up = side(label.at[1], grid.limits.y, grid.panel_height, kLine);
  return fmt::format("using 5:6:({}) with labels {} offset {},{} boxed notitle",
                     gnuplot_quoted(label.text), across > 0 ? "left" : "right", 0.8 * across,
                     0.5 * up);
}

// Rounded, or the table would be twice as long.
double rounded(double value) {
  return std::isfinite(value) ? std::round(value * 1e5) / 1e5 : value;
}

std::string map_element(Sheet& sheet, const HeatMap& map, std::size_t panel) {
  Points2 cells;
  std::vector<double> values;
  const std::size_t columns = map.columns, rows = map.values.size() / columns;
  const auto middle = [](const Interval& range, std::size_t i, std::size_t n) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
    return rounded(range.low + share * (range.high - range.low));
  };
  for (std::size_t k = 0; k < map.values.size(); ++k) {
    cells.push_back(
        {middle(map.over.x, k % columns, columns), middle(map.over.y, k / columns, rows)});
    values.push_back(rounded(map.values[k]));
  }
  return sheet.rows(panel, "heat map", "cell", cells, values) + " using 5:6:7 with image notitle";
}

// All curves in one list; a row that is no point ends one and begins the next.
std::string curves_element(Sheet& sheet, const Curves& curves, const std::string& series,
                           std::size_t panel) {
  constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
  Points2 points;
  std::vector<double> values;
  for (std::size_t i = 0; i < curves.lines.size(); ++i) {
    if (i > 0) points.push_back({kGap, kGap});
    for (const Point2& p : curves.lines[i]) points.push_back({rounded(p[0]), rounded(p[1])});
    if (curves.values.empty()) continue;
    if (i > 0) values.push_back(kGap);
    for (const double value : curves.values[i]) values.push_back(rounded(value));
  }
  const std::string color =
      curves.values.empty() ? "rgb " + gnuplot_color(curves.color, curves.opacity) : "palette";
  return fmt::format("{} using 5:6{} with lines lw {:.2f} lc {} notitle",
                     sheet.rows(panel, series, "curve", points, values),
                     curves.values.empty() ? "" : ":7", curves.width, color);
}

std::string arrows_element(Sheet& sheet, const Arrows& arrows, const std::string& series,
                           std::size_t panel) {
  std::vector<double> lengths;
  for (const Point2& v : arrows.vectors) lengths.push_back(std::hypot(v[0], v[1]));
  const std::string rows = sheet.rows(panel, series, "arrow", arrows.at, lengths, arrows.vectors);
  const std::string places = fmt::format("5:6:($8*{0}):($9*{0})", arrows.scale);
  if (arrows.color)
    return fmt::format(
        "{} using {} with vectors head filled size graph 0.035,18 lw 2.6 lc rgb {} "
        "notitle",
        rows, places, gnuplot_color(*arrows.color));
  return fmt::format(
      "{} using {}:7 with vectors head filled size graph 0.014,22 lw 1.1 lc palette "
      "notitle",
      rows, places);
}

// What one panel draws, from the bottom to the top.
std::vector<std::string> elements_of(Sheet& sheet, const PointFigure& figure, std::size_t at,
                                     const Grid& grid) {
  const Panel& panel = figure.panels[at];
  const double point_size = figure.panels.size() == 1 ? 0.38 : 0.3;
  std::vector<std::string> elements{"NaN notitle"};  // an empty panel is to have its frame, too
  if (panel.map) elements.push_back(map_element(sheet, *panel.map, at + 1));
  for (std::size_t i = 0; i < panel.clouds.size(); ++i) {
    const Cloud& cloud = panel.clouds[i];
    if (cloud.points.empty()) continue;
    elements.push_back(fmt::format(  // lw: a usual one would draw semi-transparent points as rings
        "{} using 5:6 with points pt 7 ps {:.3f}*dot lw 0.01 lc rgb {} notitle",
        sheet.rows(at + 1, name_or(cloud.label, "cloud", i), "cloud", cloud.points),
        point_size * cloud.size, gnuplot_color(cloud.color, cloud.opacity)));
  }
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    if (panel.curves[i].lines.empty()) continue;
    const std::string series = name_or(panel.curves[i].label, "curves", i);
    elements.push_back(curves_element(sheet, panel.curves[i], series, at + 1));
  }
  std::vector<std::string> marks;  // above the lines of all paths
  for (std::size_t i = 0; i < panel.paths.size(); ++i) {
    const Trail& path = panel.paths[i];
    if (path.points.empty()) continue;
    const std::string rows = sheet.rows(at + 1, name_or(path.label, "path", i), "path", path.points,
                                        times_of(path, figure.bar.range));
    const double size = path.points.size() <= 60 ? 0.5 : 0.3;
    elements.push_back(fmt::format("{} using 5:6 with lines lw {:.2f} lc rgb {} notitle", rows,
                                   1.2 * path.width, gnuplot_color(path.color)));
    // A rim, or the late, light ones get lost.
    marks.push_back(fmt::format("{} using 5:6 with points pt 7 ps {:.2f}*dot lc rgb {} notitle",
                                rows, size + 0.12 * path.width,
                                gnuplot_color(path.width > 1 ? path.color : Color{0x444444})));
    marks.push_back(fmt::format("{} using 5:6:7 with points pt 7 ps {:.2f}*dot lc palette notitle",
                                rows, size));
  }
  elements.insert(elements.end(), marks.begin(), marks.end());
  for (std::size_t i = 0; i < panel.arrows.size(); ++i) {
    if (panel.arrows[i].at.empty()) continue;
    const std::string series = name_or(panel.arrows[i].label, "arrows", i);
    elements.push_back(arrows_element(sheet, panel.arrows[i], series, at + 1));
  }
  for (const Label& label : panel.labels) {
    elements.push_back(sheet.rows(at + 1, label.text, "label", {label.at}) + " " +
                       label_look(label, grid));
  }
  return elements;
}

// ---- Lines --------------------------------------------------------------------------------------

constexpr double kLineWidth = 600;  // the canvas, but for what stands to the right of the frame
constexpr double kLineHeight = 370;
constexpr std::array<Color, 6> kSeriesColors = {0x0072B2, 0xD55E00, 0x009E73,
                                                0xCC79A7, 0xE69F00, 0x56B4E9};

void check_contents(const LineFigure& figure) {
  check_figure(!figure.series.empty(), figure.name, "has no series");
  if (figure.y_range) check_range(*figure.y_range, figure.name);
  for (const Series& series : figure.series) {
    check_figure(series.x.size() == series.y.size(), figure.name,
                 fmt::format("series '{}' has {} x and {} y", series.label, series.x.size(),
                             series.y.size()));
    check_figure(series.ranges.empty() || series.ranges.size() == series.x.size(), figure.name,
                 fmt::format("series '{}' has {} x and {} ranges", series.label, series.x.size(),
                             series.ranges.size()));
  }
}

Limits limits_of(const LineFigure& figure) {
  Extent x(figure.log_x);
  Extent y(figure.log_y);
  for (const Series& series : figure.series) {
    for (const double value : series.x) x.add(value);
    for (const double value : series.y) y.add(value);
    for (const Interval& range : series.ranges) {
      y.add(range.low);
      y.add(range.high);
    }
  }
  for (const ReferenceLine& reference : figure.references) y.add(reference.y);
  const auto categories = static_cast<double>(figure.categories.size());
  return {categories > 0 ? Interval{0.5, categories + 0.5} : x.padded(0.02),
          figure.y_range.value_or(y.padded(0.06))};
}

// The most line breaks that one of the texts has.
double breaks_in(const std::vector<std::string>& texts) {
  std::ptrdiff_t most = 0;
  for (const std::string& text : texts) most = std::max(most, std::ranges::count(text, '\n'));
  return static_cast<double>(most);
}

bool counts_in_x(const LineFigure& figure) {  // epochs, steps
  return std::ranges::all_of(figure.series, [](const Series& series) {
    return std::ranges::all_of(series.x, [](double x) { return x == std::floor(x); });
  });
}

void axis(Sheet& sheet, char axis, Interval range, bool log, double most, bool whole = false) {
  sheet.say("set {}range [{}:{}]", axis, range.low, range.high);
  if (log) {
    sheet.say("set logscale {0}; set format {0} '%g'", axis);
  } else {
    const Ticks ticks = nice_ticks(range, most, whole);
    sheet.say("set {0}tics {1}; set format {0} '{2}'", axis, ticks.step, ticks.format());
  }
}

void category_axis(Sheet& sheet, const std::vector<std::string>& categories, Interval range) {
  sheet.say("set xrange [{}:{}]; set xtics ()", range.low, range.high);
  for (std::size_t k = 0; k < categories.size(); ++k)
    sheet.say("set xtics add ({} {})", gnuplot_quoted(categories[k]), k + 1);
  sheet.say("set xlabel offset 0,{:.1f}", 0.9 - 1.1 * breaks_in(categories));  // below their lines
}

std::string series_color(const Series& series, std::size_t i) {
  return gnuplot_color(series.color.value_or(kSeriesColors[i % kSeriesColors.size()]));
}

std::string series_look(const LineFigure& figure, std::size_t i) {
  const Series& series = figure.series[i];
  const std::string color = series_color(series, i);
  if (!figure.categories.empty())
    return fmt::format("with points pt 7 ps 0.7*dot lc rgb {}", color);
  const std::string_view dash = series.dash == Dash::solid    ? "solid"
                                : series.dash == Dash::dashed ? "(10,5)"
                                                              : "(2,4)";
  const bool few = series.x.size() <= 50;
  return fmt::format("with {} lw 1.6 dt {} lc rgb {}",
                     few ? "linespoints pt 7 ps 0.45*dot" : "lines", dash, color);
}

// The column of x; among categories, where the i-th of the series stands.
std::string place_of(const LineFigure& figure, std::size_t i) {
  if (figure.categories.empty()) return "5";
  const auto n = static_cast<double>(figure.series.size());
  return fmt::format("($5+{:.3f})", 0.6 / n * (static_cast<double>(i) - (n - 1) / 2));
}

std::string whiskers(Sheet& sheet, const LineFigure& figure, std::size_t i) {
  const Series& series = figure.series[i];
  Points2 low, up;
  for (std::size_t k = 0; k < series.ranges.size(); ++k) {
    low.push_back({series.x[k], series.ranges[k].low});
    up.push_back({0, series.ranges[k].high - series.ranges[k].low});
  }
  return fmt::format(
      "{} using {}:6:8:9 with vectors heads size screen 0.005,90 lw 1.3 lc rgb {} notitle",
      sheet.rows(1, name_or(series.label, "line", i), "range", low, {}, up), place_of(figure, i),
      series_color(series, i));
}

// The label goes to the right of the frame, where it covers no data.
std::string reference_line(Sheet& sheet, const ReferenceLine& reference, const Limits& limits) {
  const std::string color = gnuplot_color(reference.color);
  if (reference.y >= limits.y.low && reference.y <= limits.y.high) {
    sheet.say("set label {} at graph 1.012,first {} left textcolor rgb {}",
              gnuplot_quoted(reference.label), reference.y, color);
  }
  const Points2 ends = {{limits.x.low, reference.y}, {limits.x.high, reference.y}};
  return fmt::format("{} using 5:6 with lines lw 1.2 dt (8,5) lc rgb {} notitle",
                     sheet.rows(1, reference.label, "reference", ends), color);
}

Legend legend_of(const LineFigure& figure) {
  Legend legend;
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    legend.add(figure.series[i].label, series_look(figure, i));
  }
  return legend;
}

std::vector<std::string> elements_of(Sheet& sheet, const LineFigure& figure, const Limits& limits) {
  std::vector<std::string> elements{"NaN notitle"};  // a plot, even if all series are empty
  for (const ReferenceLine& reference : figure.references) {
    elements.push_back(reference_line(sheet, reference, limits));
  }
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    const Series& series = figure.series[i];
    if (series.x.empty()) continue;
    Points2 points(series.x.size());
    for (std::size_t k = 0; k < points.size(); ++k) points[k] = {series.x[k], series.y[k]};
    const std::string rows = sheet.rows(1, name_or(series.label, "line", i), "line", points);
    if (!series.ranges.empty()) elements.push_back(whiskers(sheet, figure, i));
    elements.push_back(
        fmt::format("{} using {}:6 {} notitle", rows, place_of(figure, i), series_look(figure, i)));
  }
  return elements;
}

}  // namespace

void draw(const PointFigure& figure, const FigureOptions& options) {
  check_contents(figure);
  const Legend legend = legend_of(figure);
  const Grid grid(figure, legend);
  const auto with_bar = std::ranges::find_if(figure.panels, needs_bar) - figure.panels.begin();

  Sheet sheet(figure.name, grid.width, grid.height, figure.markup);
  if (std::ranges::any_of(figure.panels, [](const Panel& p) { return !p.arrows.empty(); }))
    sheet.add_vector_columns();
  axes(sheet, grid.limits, grid.ticks.step);
  sheet.say("unset colorbox");
  palette(sheet, figure.bar.range);
  sheet.say("set multiplot");
  for (std::size_t i = 0; i < grid.panels; ++i) {
    frame(sheet, figure, grid, i);
    std::vector<std::string> elements = elements_of(sheet, figure, i, grid);
    if (i + 1 == grid.panels) {
      const auto& entries = legend.place(sheet, grid.width, grid.height);
      elements.insert(elements.end(), entries.begin(), entries.end());
    }
    const bool bar = static_cast<std::ptrdiff_t>(i) == with_bar;
    if (bar) color_bar(sheet, figure.bar, grid);
    sheet.plot(elements);
    if (bar) sheet.say("unset colorbox; unset label 1");
  }
  sheet.say("unset multiplot");
  sheet.save(options);
}

void draw(const LineFigure& figure, const FigureOptions& options) {
  check_contents(figure);
  const Limits limits = limits_of(figure);
  const Legend legend = legend_of(figure);
  double right = 14;
  for (const ReferenceLine& reference : figure.references) {
    right = std::max(right, text_width(reference.label) + 16);
  }
  const double width = kLineWidth + right;
  const double top = figure.title.empty() ? 12 : kLine + 12;
  const double bottom = kTickLabels + kLine * breaks_in(figure.categories) +
                        (figure.x_label.empty() ? 0 : kLine) + legend.height(width);

  Sheet sheet(figure.name, width, kLineHeight, figure.markup);
  if (std::ranges::any_of(figure.series, [](const Series& s) { return !s.ranges.empty(); }))
    sheet.add_vector_columns();
  sheet.say("set title {}", gnuplot_quoted(figure.title));
  sheet.say("set xlabel {}", gnuplot_quoted(figure.x_label));
  sheet.say("set ylabel {}", gnuplot_quoted(figure.y_label));
  sheet.say("set tmargin at screen {:.5f}; set bmargin at screen {:.5f}", 1 - top / kLineHeight,
            bottom / kLineHeight);
  sheet.say("set rmargin at screen {:.5f}", 1 - right / width);
  if (figure.categories.empty())
    axis(sheet, 'x', limits.x, figure.log_x, 20, counts_in_x(figure));
  else
    category_axis(sheet, figure.categories, limits.x);
  axis(sheet, 'y', limits.y, figure.log_y, 8);
  std::vector<std::string> elements = elements_of(sheet, figure, limits);
  const auto& entries = legend.place(sheet, width, kLineHeight);
  elements.insert(elements.end(), entries.begin(), entries.end());
  sheet.plot(elements);
  sheet.save(options);
}

}  // namespace gradflow
