// Experiment 2: flow matching learns the Olympic rings. Figures 6 to 10.
//
// Read `main` first; it is the same story as in normalizing_flow.cpp.
#include <cmath>

#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/programs/models.h"
#include "flows/matching/density.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "flow_matching";
constexpr Index kMeasuredSamples = 10'000, kScoredSamples = 1000;  // at most
constexpr Index kSteps = 1000;                                     // dt = 0.001
constexpr Index kDrawnEvery = 20;                                  // of the states of a trajectory
constexpr double kStepSizes[] = {0.001, 0.002, 0.02, 0.05, 0.1, 0.2, 1.0 / 3};

const Span kToData{0, 1}, kToNoise{1, 0};
const Fixed kFixed{kSteps};

std::string step_name(double dt) { return dt == 1.0 / 3 ? "1/3" : fmt::format("{}", dt); }

Tensor noise(Index n, std::uint64_t id) { return Rng(1).fork(id).normal({n, 2}); }

// Every kDrawnEvery-th of a trajectory's states, the first and the last included.
std::vector<Tensor> thinned(const std::vector<Tensor>& states) {
  std::vector<Tensor> result;
  for (std::size_t k = 0; k < states.size(); k += kDrawnEvery) result.push_back(states[k]);
  return result;
}

double standard_deviation(const Tensor& points) {  // the mean of both axes'
  const Tensor deviation = Standardize::of(points).deviation();
  return (double{deviation.at({0})} + double{deviation.at({1})}) / 2;
}

// What steps of this size cost in nats: KL(q || p), the mean of log q - log p over samples, where q
// is the density that Euler's method itself gives to them and p is the field's. `turned` is the
// share of the samples that a step has turned inside out: of their q only a part is known, and the
// mean is a lower bound.
json measure_nats(const FlowMatching& model, double dt, Index samples) {
  constexpr Index kScoringSteps = 100;
  const EulerCarried made =
      euler_carried(model.network.field(), noise(samples, 101), steps_of_size(dt));
  const Tensor p = log_prob(model, made.points, {}, {.tableau = midpoint, .steps = kScoringSteps});
  return {{"nats", mean(Var(made.log_prob) - p).item()},
          {"turned", static_cast<double>(made.turned) / static_cast<double>(samples)}};
}

// What a step size costs in quality, by one of the two rules.
json measure_step_sizes(const Trained<FlowMatching>& trained, const Tableau& solver,
                        const RunOptions& options) {
  const Tensor start = noise(measured_samples(options, kMeasuredSamples), 100);
  json rows = json::array();
  for (const double dt : kStepSizes) {
    const Tensor samples = trained.model.carry(start, kToData, {}, solver, {steps_of_size(dt)});
    rows.push_back({{"dt", dt},
                    {"on_ring", share_on_rings(trained.in_data_units(samples))},
                    {"std", standard_deviation(samples)}});
    if (&solver == &euler)
      rows.back().update(
          measure_nats(trained.model, dt, measured_samples(options, kScoredSamples)));
  }
  return rows;
}

std::vector<double> distances(const Tensor& a, const Tensor& b) {
  std::vector<double> result;
  for (Index i = 0; i < a.rows(); ++i)
    result.push_back(std::hypot(a.at({i, 0}) - b.at({i, 0}), a.at({i, 1}) - b.at({i, 1})));
  return result;
}

// The five points to the noise and back.
struct RoundTrip {
  Tensor z;
  std::vector<double> errors;
};
RoundTrip round_trip(const FlowMatching& model, Index steps) {
  const Tensor y = five_points();
  const Tensor z = model.carry(y, kToNoise, {}, euler, {steps});
  return {z, distances(model.carry(z, kToData, {}, euler, {steps}), y)};
}

json measure_points(const FlowMatching& model) {
  const RoundTrip trip = round_trip(model, kSteps);
  // Through the network's kinks a solver converges slowly: hence many steps.
  const Scored scored = log_prob_with_error(model, five_points(), {}, {.steps = 200});
  json points = json::array();
  for (std::size_t i = 0; i < kFivePoints.size(); ++i) {
    const Index row = static_cast<Index>(i);
    points.push_back({{"y", {kFivePoints[i][0], kFivePoints[i][1]}},
                      {"z", {trip.z.at({row, 0}), trip.z.at({row, 1})}},
                      {"round_trip_error", trip.errors[i]},
                      {"log_prob", scored.log_prob.at({row})},
                      {"log_prob_error", scored.error.at({row})}});
  }
  return points;
}

// The round trip's mean error over the five points against the step: of first order in it.
json measure_round_trips(const FlowMatching& model) {
  json rows = json::array();
  for (const Index steps : {100, 1000, 10'000}) {
    double mean = 0;
    for (const double error : round_trip(model, steps).errors)
      mean += error / static_cast<double>(kFivePoints.size());
    rows.push_back({{"dt", 1.0 / static_cast<double>(steps)}, {"error", mean}});
  }
  return rows;
}

json measure(const Trained<FlowMatching>& trained, const RunOptions& options) {
  const json by_euler = measure_step_sizes(trained, euler, options);
  say("{}: loss {:.4f} (floor {:.4f}), {:.1f} % of {} samples on a ring\n", kName,
      trained.history.epochs.back().loss, kFlowMatchingFloor,
      100 * by_euler[0]["on_ring"].get<double>(), measured_samples(options, kMeasuredSamples));
  return {{"euler", by_euler},
          {"euler_right", measure_step_sizes(trained, euler_right_end, options)},
          {"points", measure_points(trained.model)},
          {"round_trips", measure_round_trips(trained.model)}};
}

// Figure 6: the loss and the lowest value it can have.
LineFigure loss_figure(const History& history) {
  return matching_loss_figure("fig06_fm_loss", "Flow matching: training loss", losses(history),
                              kFlowMatchingFloor);
}

// Figure 7: the same points at six times.
PointFigure times_figure(const FlowMatching& model) {
  const std::vector<Tensor> states =
      model.carry_states(noise(1000, 300), kToData, {}, euler, kFixed);
  PointFigure figure{.name = "fig07_fm_samples_over_time", .limits = kNoiseLimits};
  for (std::size_t panel = 0; panel <= 5; ++panel)
    figure.panels.push_back({.title = fmt::format("t = {:.1f}", 0.2 * static_cast<double>(panel)),
                             .clouds = {{.points = to_points(states[panel * (kSteps / 5)])}}});
  return figure;
}

// Figure 8: ten samples on their way.
PointFigure trajectories_figure(const FlowMatching& model, const Tensor& data) {
  const auto states =
      thinned(model.carry_states(Rng(2).fork(400).normal({10, 2}), kToData, {}, euler, kFixed));
  return {.name = "fig08_fm_trajectories",
          .panels = {{.title = "Ten samples along the velocity field",
                      .clouds = {background(data)},
                      .paths = paths(states, evenly(0, 1, states.size()))}},
          .limits = kPathLimits};
}

// Figure 9: the same noise with larger and larger steps; and the same by the other rule.
PointFigure step_size_figure(const FlowMatching& model, const std::string& name,
                             const Tableau& solver) {
  const Tensor start = noise(1000, 500);
  PointFigure figure{.name = name, .limits = kNoiseLimits};
  for (const double dt : kStepSizes) {
    if (dt == kStepSizes[0]) continue;  // six panels; 0.001 looks like 0.002
    const Tensor samples = model.carry(start, kToData, {}, solver, {steps_of_size(dt)});
    figure.panels.push_back({.title = fmt::format("dt = {}", step_name(dt)),
                             .clouds = {{.points = to_points(samples)}}});
  }
  return figure;
}

// Figure 10: the five points to the noise, and from there forward again.
PointFigure round_trip_figure(const FlowMatching& model, const Tensor& data, bool forward) {
  auto states = model.carry_states(five_points(), kToNoise, {}, euler, kFixed);
  std::string title = "Five points back to the noise";
  if (forward) {
    states = model.carry_states(states.back(), kToData, {}, euler, kFixed);
    title = "Forward again from where they ended";
  }
  states = thinned(states);
  return {
      .name = forward ? "fig10b_fm_round_trip" : "fig10a_fm_inverse_trajectories",
      .panels = {{.title = title,
                  .clouds = {background(data)},
                  .paths = paths(states, evenly(forward ? 0 : 1, forward ? 1 : 0, states.size())),
                  .labels = five_labels()}},
      .limits = Limits{{-4.5, 4.5}, {-4.5, 4.5}}};
}

// Beyond the figures: how the model can be made to produce a point far from all data.
PointFigure bonus_figure(const FlowMatching& model, const Tensor& data) {
  const Tensor target({{4, 5}});
  const auto back = model.carry_states(target, kToNoise, {}, euler, kFixed);
  const auto forward = model.carry_states(back.back(), kToData, {}, euler, kFixed);
  const double error = distances(forward.back(), target)[0];
  const auto panel = [&](const std::string& title, const std::vector<Tensor>& states, double from) {
    return Panel{.title = title,
                 .clouds = {background(data)},
                 .paths = paths(thinned(states), evenly(from, 1 - from, kSteps / kDrawnEvery + 1)),
                 .labels = {{"(4, 5)", {4, 5}}}};
  };
  return {.name = "extra_fm_bonus_point",
          .panels = {panel("(4, 5) back to the noise", back, 1),
                     panel(fmt::format("and forward again: off by {:.4f}", error), forward, 0)}};
}

std::vector<Drawing> figures(const Trained<FlowMatching>& trained, const Tensor& points) {
  const FlowMatching& model = trained.model;
  return drawings(loss_figure(trained.history), times_figure(model),
                  trajectories_figure(model, points),
                  step_size_figure(model, "fig09_fm_step_size", euler),
                  step_size_figure(model, "extra_fm_step_size_right_end", euler_right_end),
                  round_trip_figure(model, points, false), round_trip_figure(model, points, true),
                  bonus_figure(model, points));
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  return run_experiment<FlowMatching>(
      argc, argv,
      {.name = kName,
       .about = "Trains flow matching on the Olympic rings and draws figures 6 to 10.",
       .data = rings(),
       .make = make_flow_matching,
       .loss = [](const FlowMatching& model, const Data& batch,
                  Rng& rng) { return model.loss(batch, rng); },
       .measure = measure,
       .figures = figures});
}
