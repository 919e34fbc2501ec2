// Beyond the report: a flow with splines that is told on which ring a point lies.
//
// The one idea: p(x | class) is a density for each class, all made by one set of networks, which
// see the class beside the coordinates: a row of five numbers, one of which is 1. To know the class
// is worth much: of the 1.59 nats of a point on the rings 1.45 say which ring it is on and where
// that ring lies; 0.14 are left.
//
// Read next: conditional_flow_matching.cpp, the other family on the same points.
#include <cmath>

#include "autograd/ops.h"
#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/metrics/density.h"
#include "experiments/programs/flow_measures.h"
#include "experiments/programs/models.h"
#include "flows/base/class_conditional.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "conditional_spline_flow";
constexpr Index kMeasuredSamples = 2000;  // of each class, at most

// The class of n points, all on the same ring.
std::vector<Index> all_on(std::size_t ring, Index n) {
  return std::vector<Index>(static_cast<std::size_t>(n), static_cast<Index>(ring));
}

// The shares of `each` samples of each class that lie on their own ring.
json own_ring(const Trained<Flow>& trained, Index each) {
  Rng rng = Rng(1).fork(100);
  json shares;
  for (std::size_t k = 0; k < kRings.size(); ++k) {
    const Tensor context = one_hot(all_on(k, each), trained.model.context());
    const Tensor samples = trained.in_data_units(trained.model.sample(each, rng, context));
    shares[kRings[k].name] = share_on_ring(samples, static_cast<int>(k));
  }
  return shares;
}

json measure(const Trained<Flow>& trained, const RunOptions& options) {
  json measured = validation_losses(trained.history);
  const json shares = own_ring(trained, measured_samples(options, kMeasuredSamples));
  std::string spoken;
  for (const auto& [ring, share] : shares.items())
    spoken += fmt::format(" {} {:.1f} %", ring, 100 * share.get<double>());
  say("{}: validation NLL given the class {:.4f} (floor {:.4f}); on their own ring:{}\n", kName,
      measured["validation_nll"].back().get<double>(), kConditionalNllFloor, spoken);
  measured["own_ring"] = shares;
  return measured;
}

// For each class the exact density, in the row above, and that of the model.
PointFigure density_figure(const Trained<Flow>& trained, Index cells) {
  const DensityGrid grid{kRingLimits, cells};
  const double stretched = sum(log(Var(trained.units.deviation()))).item();
  PointFigure figure{.name = "extra_spline_classes",
                     .limits = grid.limits,
                     .bar = {"density", {0, 2 * std::exp(-kConditionalNllFloor)}},
                     .columns = static_cast<int>(kRings.size())};
  const auto add = [&](const std::string& title, const LogDensity& log_p) {
    figure.panels.push_back(density_panel(title, grid, density_on(grid, log_p)));
  };
  for (const Ring& ring : kRings)
    add(fmt::format("{}, exactly", ring.name), [&](const Tensor& y) {
      const auto log_p = at_each_point([&](double x_1, double x_2) {
        return std::log(ring_density(ring, x_1, x_2)) + stretched;
      });
      return log_p(trained.in_data_units(y));
    });
  for (std::size_t k = 0; k < kRings.size(); ++k)
    add(fmt::format("{}, the model", kRings[k].name), [&](const Tensor& y) {
      return trained.model.log_prob(y, one_hot(all_on(k, y.rows()), trained.model.context()))
          .value();
    });
  return figure;
}

std::vector<Drawing> figures(const Trained<Flow>& trained, const Tensor&) {
  return {[trained](const RunOptions& options) {
    draw(density_figure(trained, options.quick ? 60 : 150), figure_options(options));
  }};
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  return run_experiment<Flow>(
      argc, argv,
      {.name = kName,
       .about = "Trains a flow of spline couplings on the Olympic rings, given the class.",
       .data = rings_by_class(),
       .make = make_conditional_spline_flow,
       .loss = flow_loss,
       .training = kSplineTraining,
       .validation_points = kValidationPoints,
       .validate = validate_flow,
       .measure = measure,
       .figures = figures});
}
