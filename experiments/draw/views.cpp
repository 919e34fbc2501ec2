#include "experiments/draw/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "tensor/error.h"

namespace gradflow {

Points2 to_points(const Tensor& points) {
  Points2 result;
  for (Index i = 0; i < points.rows(); ++i)
    result.push_back({points.data()[2 * i], points.data()[2 * i + 1]});
  return result;
}

Panel density_panel(std::string title, const DensityGrid& grid, std::vector<double> density) {
  return {.title = std::move(title),
          .map = HeatMap{grid.limits, static_cast<std::size_t>(grid.cells), std::move(density)}};
}

Cloud background(const Tensor& data) {
  return {.points = to_points(data.rows(0, std::min<Index>(3000, data.rows()))),
          .color = colors::faint};
}

std::vector<Trail> paths(const std::vector<Tensor>& states, const std::vector<double>& times) {
  std::vector<Trail> result(static_cast<std::size_t>(states[0].rows()));
  for (const Tensor& state : states) {
    const Points2 points = to_points(state);
    for (std::size_t i = 0; i < result.size(); ++i) result[i].points.push_back(points[i]);
  }
  for (Trail& path : result) path.times = times;
  return result;
}

std::vector<double> evenly(double first, double last, std::size_t count) {
  std::vector<double> result;
  for (std::size_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    result.push_back((1 - share) * first + share * last);
  }
  return result;
}

Color color_of(const Ring& ring) {
  constexpr std::pair<std::string_view, Color> kColors[] = {{"black", colors::black},
                                                            {"blue", colors::blue},
                                                            {"green", colors::green},
                                                            {"red", colors::red},
                                                            {"yellow", colors::yellow}};
  for (const auto& [name, color] : kColors)
    if (name == ring.name) return color;
  throw ShapeError(
      fmt::format("color_of: a ring {} given; one of the flag's is required", ring.name));
}

std::vector<Label> five_labels() {
  std::vector<Label> labels;
  for (std::size_t i = 0; i < kFivePoints.size(); ++i)
    labels.push_back({fmt::format("y{}", i + 1), {kFivePoints[i][0], kFivePoints[i][1]}});
  return labels;
}

LineFigure matching_loss_figure(std::string name, std::string title,
                                const std::vector<double>& losses, double floor) {
  return {.name = std::move(name),
          .title = std::move(title),
          .x_label = "epoch",
          .y_label = "squared error per element",
          .series = {{.x = epoch_numbers(losses.size()), .y = losses}},
          .references = {{.label = fmt::format("floor {:.4f}", floor), .y = floor}}};
}

std::vector<double> epoch_numbers(std::size_t count) {
  return evenly(1, static_cast<double>(count), count);
}

}  // namespace gradflow
