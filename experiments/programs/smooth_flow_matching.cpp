// Beyond the report: flow matching on the same rings with a density that can be believed, and a
// better one.
//
// The one idea: nothing of the method is new. The network is smooth (silu), so that few steps of a
// solver give its density; it is wider, and is told the place and the time in waves, too, so that
// it can be steep; and it is asked more often near t = 1, where the edges of the rings form and
// where the report's network is still blurred.
//
// Read next: flow_matching.cpp, the report's; flows/matching/loss.h, the times.
#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/metrics/density_model.h"
#include "experiments/programs/flow_measures.h"
#include "experiments/run/experiment.h"
#include "flows/continuous.h"
#include "flows/matching/flow_matching.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "smooth_flow_matching";
constexpr Index kJudged = 20'000;

struct Own {  // settings of this model
  Index width = 128, waves = 3, octaves = 3, solver_steps = 30;
  double late = 2;
};

Settings settings_of(Own& own) {
  return {setting("width", own.width, Range<Index>{1, 4096}, "Units of each of four hidden layers"),
          setting("waves", own.waves, Range<Index>{0, 32},
                  "Waves in which the network is told the time; 0: the time itself"),
          setting("octaves", own.octaves, Range<Index>{0, 16},
                  "Octaves of waves in which it is told the place, beside that itself"),
          setting("solver_steps", own.solver_steps, Range<Index>{1, 10'000},
                  "Steps of Runge-Kutta 4 by which it is judged"),
          setting("late", own.late, Range<double>{1, 10},
                  "Times are 1 - u^late, u uniform: above 1 more of them are near the data")};
}

// Judged as a flow, whose points are carried by a solver of fourth order.
Flow as_flow(const FlowMatching& model, Index steps) {
  return Flow(Continuous(model.network, {.steps = steps}));
}

json measure(const Trained<FlowMatching>& trained, const Own& own, const RunOptions& options) {
  Rng rng = Rng(options.training.seed).fork(100);
  const Tensor fresh = trained.standardized(sample_rings(kJudged, rng));
  const auto nll = [&](Index steps) {
    return validate_flow(as_flow(trained.model, steps), {fresh, {}}).at("validation_nll");
  };
  const double found = nll(own.solver_steps), finer = nll(2 * own.solver_steps);
  const Tensor samples =
      trained.in_data_units(trained.model.sample(kJudged, rng, {own.solver_steps}, runge_kutta4));
  const double on_ring = share_on_rings(samples);
  say("{}: NLL {:.4f} (floor {:.4f}; {:.4f} with half the steps' size), {:.1f} % of {} samples "
      "on a ring\n",
      kName, found, kNllFloor, finer, 100 * on_ring, kJudged);
  return {{"nll", found}, {"nll_half_steps", finer}, {"floor", kNllFloor}, {"on_ring", on_ring}};
}

// The exact density beside the model's, in one scale.
PointFigure density_figure(const Trained<FlowMatching>& trained, const Own& own, Index cells) {
  const DensityGrid grid{kRingLimits, cells};
  const Flow flow = as_flow(trained.model, own.solver_steps);
  const LogDensity log_p = in_parts([&flow](const Tensor& y) { return flow.log_prob(y).value(); });
  return {
      .name = "extra_smooth_density",
      .panels = {density_panel("the data, exactly", grid, exact_density_on(grid, trained.units)),
                 density_panel("flow matching, a smooth network", grid, density_on(grid, log_p))},
      .limits = grid.limits,
      .bar = {"density", {0, 2 * std::exp(-kNllFloor)}}};
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  Own own;
  return run_experiment<FlowMatching>(
      argc, argv,
      {.name = kName,
       .about = "Trains flow matching with a smooth network on the Olympic rings, for its density.",
       .settings = settings_of(own),
       .data = rings(),
       .make =
           [&](Rng& rng) {
             return FlowMatching(2,
                                 {.hidden = std::vector<Index>(4, own.width),
                                  .activation = activations::silu,
                                  .waves = own.waves,
                                  .octaves = own.octaves},
                                 rng);
           },
       .loss =
           [&](const FlowMatching& model, const Data& batch, Rng& rng) {
             return matching_loss(model.network.field(), batch, rng, straight, independent, 0,
                                  late_times(static_cast<real>(own.late)));
           },
       .training = {.epochs = 40, .batch = 256, .learning_rate = 3e-3},
       .measure = [&](const Trained<FlowMatching>& trained,
                      const RunOptions& options) { return measure(trained, own, options); },
       .figures =
           [&](const Trained<FlowMatching>& trained, const Tensor&) {
             return std::vector<Drawing>{[&own, trained](const RunOptions& options) {
               draw(density_figure(trained, own, options.quick ? 60 : 160),
                    figure_options(options));
             }};
           }});
}
