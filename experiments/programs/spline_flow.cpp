// Beyond the report: a normalizing flow whose couplings move points by splines, on the same rings.
//
// The one idea: nothing but the univariate map is new (flows/univariate/rational_quadratic.h). An
// affine map can shift a bell and make it wider; a spline can split it, and a ring with a hole is
// four edges along every line that crosses it.
//
// Read next: normalizing_flow.cpp, the report's flow, beside which it is drawn.
#include <filesystem>
#include <optional>

#include "autograd/ops.h"
#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/metrics/density.h"
#include "experiments/programs/flow_measures.h"
#include "experiments/programs/models.h"

namespace gradflow {
namespace {

constexpr const char* kName = "spline_flow";

// The report's flow, if it is there, from the same folder.
std::optional<Trained<Flow>> reports_flow(const RunOptions& options) {
  if (!std::filesystem::exists(weights_file("normalizing_flow", options))) return {};
  return trained_normalizing_flow(options);
}

// The loss of this flow and of the report's, over the epochs.
LineFigure loss_figure(const Trained<Flow>& trained, const std::optional<Trained<Flow>>& report) {
  LineFigure figure{
      .name = "extra_spline_loss",
      .title = "Validation loss with splines, and with the report's affine maps",
      .x_label = "epoch",
      .y_label = "nats per point",
      .references = {{.label = fmt::format("floor {:.4f}", kNllFloor), .y = kNllFloor}}};
  const auto add = [&](const std::string& label, const History& history) {
    const std::vector<double> nll = metric(history, "validation_nll");
    figure.series.push_back({.label = label, .x = epoch_numbers(nll.size()), .y = nll});
  };
  if (report) add("affine", report->history);
  add("spline", trained.history);
  return figure;
}

// The exact density, that of the report's flow and this one's, in one scale.
PointFigure density_figure(const Trained<Flow>& trained, const std::optional<Trained<Flow>>& report,
                           Index cells) {
  const DensityGrid grid{kRingLimits, cells};
  PointFigure figure{.name = "extra_spline_density",
                     .limits = grid.limits,
                     .bar = {"density", {0, 2 * std::exp(-kNllFloor)}}};
  const auto add = [&](const std::string& title, const std::vector<double>& density) {
    figure.panels.push_back(density_panel(title, grid, density));
  };
  const auto of_flow = [&grid](const Flow& flow) {
    return density_on(grid, [&](const Tensor& y) { return flow.log_prob(y).value(); });
  };
  add("the data, exactly", exact_density_on(grid, trained.units));
  if (report) add("affine couplings (the report)", of_flow(report->model));
  add("spline couplings", of_flow(trained.model));
  return figure;
}

// The drawings want the folder of the report's flow, which is known when they are drawn.
std::vector<Drawing> figures(const Trained<Flow>& trained, const Tensor&) {
  return {[trained](const RunOptions& options) {
    const auto report = reports_flow(options);
    draw(loss_figure(trained, report), figure_options(options));
    draw(density_figure(trained, report, options.quick ? 100 : 200), figure_options(options));
  }};
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  return run_experiment<Flow>(
      argc, argv,
      {.name = kName,
       .about = "Trains a flow of spline couplings on the Olympic rings, beside the report's.",
       .data = rings(),
       .make = make_spline_flow,
       .loss = flow_loss,
       .training = kSplineTraining,
       .validation_points = kValidationPoints,
       .validate = validate_flow,
       .measure = [](const Trained<Flow>& trained,
                     const RunOptions& options) { return measure_flow(kName, trained, options); },
       .figures = figures});
}
