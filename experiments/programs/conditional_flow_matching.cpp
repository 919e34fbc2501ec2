// Experiment 3: flow matching that is told which ring to draw. Figures 11 to 13.
//
// Read flow_matching.cpp first: what is new here are the labels.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "flows/flow_matching.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "conditional_flow_matching";
constexpr Index kClasses = 5;
constexpr Index kMeasuredSamples = 2000;  // of each class
constexpr Index kSteps = 1000;
constexpr Index kDrawnEvery = 50;  // of the states of a trajectory: the line is to be seen, too
const TimeSpan kToData{0, 1, kSteps};

// `each` labels of every class: 0 0 ... 1 1 ...
std::vector<Index> labels_of_all(Index each) {
  std::vector<Index> labels;
  for (Index label = 0; label < kClasses; ++label)
    labels.insert(labels.end(), static_cast<std::size_t>(each), label);
  return labels;
}

// One cloud for each class; the points of class k are rows k * each ... of `points`.
std::vector<Cloud> clouds_by_class(const Tensor& points, bool labelled) {
  const Index each = points.rows() / kClasses;
  std::vector<Cloud> clouds;
  for (Index k = 0; k < kClasses; ++k) {
    const Ring& ring = kRings[static_cast<std::size_t>(k)];
    clouds.push_back({.points = to_points(points.rows(k * each, (k + 1) * each)),
                      .color = color_of(ring),
                      .label = labelled ? ring.name : ""});
  }
  return clouds;
}

void measure(FlowMatching& model, const Normalization& normalization, const History& history,
             const RunOptions& options, const Settings& settings) {
  Rng rng = Rng(1).fork(100);
  const Tensor samples =
      normalization.undo(model.sample(labels_of_all(kMeasuredSamples), rng, kSteps));
  json section = report_basics(model.parameters(), history, settings);
  say("{}: loss {:.4f} (floor {:.4f}); on their own ring:", kName, history.epochs.back().loss,
      kConditionalFlowMatchingFloor);
  for (Index k = 0; k < kClasses; ++k) {
    const Tensor own = samples.rows(k * kMeasuredSamples, (k + 1) * kMeasuredSamples);
    const double share = share_on_ring(own, static_cast<int>(k));
    section["own_ring"][kRings[static_cast<std::size_t>(k)].name] = share;
    say(" {} {:.1f} %", kRings[static_cast<std::size_t>(k)].name, 100 * share);
  }
  say("\n");
  write_report(options.out, kName, section);
}

// 600 points of each class from a training set that lists the classes one after another.
Tensor drawn_data(const Tensor& data) {
  const Index each = data.rows() / kClasses, shown = std::min<Index>(600, each);
  std::vector<Tensor> parts;
  for (Index k = 0; k < kClasses; ++k) parts.push_back(data.rows(k * each, k * each + shown));
  return kernel::concat(parts, 0);
}

// Figure 11: the data.
PointFigure data_figure(const Tensor& data) {
  return {.name = "fig11_cfm_data",
          .panels = {{.title = "Training points by class",
                      .clouds = clouds_by_class(drawn_data(data), true)}},
          .limits = kRingLimits};
}

// Figure 12: one sample of each class on its way.
PointFigure trajectories_figure(const FlowMatching& model, const Tensor& data) {
  std::vector<Tensor> states;
  const auto all =
      model.carry_states(Rng(9).fork(400).normal({kClasses, 2}), kToData, labels_of_all(1));
  for (std::size_t k = 0; k < all.size(); k += kDrawnEvery) states.push_back(all[k]);
  std::vector<Path> lines = paths(states, evenly(0, 1, states.size()));
  for (std::size_t k = 0; k < lines.size(); ++k) {
    lines[k].color = color_of(kRings[k]);
    lines[k].label = kRings[k].name;
    lines[k].width = 2.5;
  }
  return {.name = "fig12_cfm_trajectories",
          .panels = {{.title = "One sample of each class",
                      .clouds = {background(drawn_data(data))},
                      .paths = lines}},
          .limits = kPathLimits};
}

// Figure 13: 600 samples of each class at six times.
PointFigure times_figure(const FlowMatching& model) {
  const auto labels = labels_of_all(600);
  const auto states =
      model.carry_states(Rng(1).fork(300).normal({std::ssize(labels), 2}), kToData, labels);
  PointFigure figure{.name = "fig13_cfm_samples_over_time", .limits = kNoiseLimits};
  for (std::size_t panel = 0; panel <= 5; ++panel)
    figure.panels.push_back({.title = fmt::format("t = {:.1f}", 0.2 * static_cast<double>(panel)),
                             .clouds = clouds_by_class(states[panel * (kSteps / 5)], panel == 0)});
  return figure;
}

// Beyond the figures: the loss of this model.
LineFigure loss_figure(const History& history) {
  std::vector<double> losses;
  for (const Epoch& epoch : history.epochs) losses.push_back(epoch.loss);
  return {.name = "extra_cfm_loss",
          .title = "Conditional flow matching: training loss",
          .x_label = "epoch",
          .y_label = "squared error per element",
          .series = {{.x = epoch_numbers(losses.size()), .y = losses}},
          .references = {{.label = fmt::format("floor {:.4f}", kConditionalFlowMatchingFloor),
                          .y = kConditionalFlowMatchingFloor}}};
}

int run(RunOptions& options) {
  const Settings settings = settings_of(options);
  Saved saved;
  if (options.figures_only) saved = load_saved(kName, options, settings);
  Rng train_rng = Rng(options.training.seed).fork(1), model_rng(options.training.seed);
  const Data raw = sample_rings_by_class(options.points, train_rng);
  const auto normalization =
      options.figures_only ? Normalization::from(saved.tensors) : Normalization::of(raw.points);
  const Tensor points = normalization.apply(raw.points);
  FlowMatching model(2, {.classes = kClasses}, model_rng);
  const StopRequests stop;  // from here on there is something to lose
  if (options.figures_only) {
    assign(model.parameters(), saved.tensors);
    saved.history.weights_hash = hash_tensors(values(model.parameters()));
  } else {
    const Outcome outcome =
        train_and_save({.name = kName,
                        .parameters = model.parameters(),
                        .loss = [&](const Data& batch, Rng& rng) { return model.loss(batch, rng); },
                        .data = {points, raw.labels},
                        .constants = normalization.tensors()},
                       options, settings, stop);
    if (outcome.stopped_by != 0) return 128 + outcome.stopped_by;
    saved.history = outcome.history;
  }
  const Farewell farewell(going_on(options));
  if (stop.signal() != 0) {  // it came when the training had just ended
    complain("{}", going_on(options));
    return 128 + stop.signal();
  }
  measure(model, normalization, saved.history, options, settings);
  Gallery gallery(options);
  gallery.add(data_figure(points));
  gallery.add(trajectories_figure(model, points));
  gallery.add(times_figure(model));
  gallery.add(loss_figure(saved.history));
  gallery.draw_all();
  return 0;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  const char* const about =
      "Trains class-conditional flow matching on the Olympic rings and draws figures 11 to 13.";
  if (const auto end = parse_options(argc, argv, about, options)) return *end;
  return run_program(options, [&] { return run(options); });
}
