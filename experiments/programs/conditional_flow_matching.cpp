// Experiment 3: flow matching that is told which ring to draw. Figures 11 to 13.
//
// Read flow_matching.cpp first: what is new here are the labels.
#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/programs/models.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "conditional_flow_matching";
constexpr Index kClasses = 5;
constexpr Index kMeasuredSamples = 2000;  // of each class, at most
constexpr Index kSteps = 1000;
constexpr Index kDrawnEvery = 50;  // of the states of a trajectory: the line is to be seen, too
const Span kToData{0, 1};
const Fixed kFixed{kSteps};

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

json measure(const Trained<FlowMatching>& trained, const RunOptions& options) {
  const Index each = measured_samples(options, kMeasuredSamples);
  Rng rng = Rng(1).fork(100);
  const Tensor samples =
      trained.in_data_units(trained.model.sample(labels_of_all(each), rng, kFixed));
  json own_ring;
  std::string shares;
  for (Index k = 0; k < kClasses; ++k) {
    const char* const name = kRings[static_cast<std::size_t>(k)].name;
    const Tensor own = samples.rows(k * each, (k + 1) * each);
    const double share = share_on_ring(own, static_cast<int>(k));
    own_ring[name] = share;
    shares += fmt::format(" {} {:.1f} %", name, 100 * share);
  }
  say("{}: loss {:.4f} (floor {:.4f}); on their own ring:{}\n", kName,
      trained.history.epochs.back().loss, kConditionalFlowMatchingFloor, shares);
  return {{"own_ring", own_ring}};
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
  const auto all = model.carry_states(Rng(9).fork(400).normal({kClasses, 2}), kToData,
                                      labels_of_all(1), euler, kFixed);
  for (std::size_t k = 0; k < all.size(); k += kDrawnEvery) states.push_back(all[k]);
  std::vector<Trail> lines = paths(states, evenly(0, 1, states.size()));
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
  const auto states = model.carry_states(Rng(1).fork(300).normal({std::ssize(labels), 2}), kToData,
                                         labels, euler, kFixed);
  PointFigure figure{.name = "fig13_cfm_samples_over_time", .limits = kNoiseLimits};
  for (std::size_t panel = 0; panel <= 5; ++panel)
    figure.panels.push_back({.title = fmt::format("t = {:.1f}", 0.2 * static_cast<double>(panel)),
                             .clouds = clouds_by_class(states[panel * (kSteps / 5)], panel == 0)});
  return figure;
}

// Beyond the figures: the loss of this model.
LineFigure loss_figure(const History& history) {
  return matching_loss_figure("extra_cfm_loss", "Conditional flow matching: training loss",
                              losses(history), kConditionalFlowMatchingFloor);
}

std::vector<Drawing> figures(const Trained<FlowMatching>& trained, const Tensor& points) {
  return drawings(data_figure(points), trajectories_figure(trained.model, points),
                  times_figure(trained.model), loss_figure(trained.history));
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  return run_experiment<FlowMatching>(argc, argv,
                                      {.name = kName,
                                       .about = "Trains class-conditional flow matching on the "
                                                "Olympic rings and draws figures 11 to 13.",
                                       .data = rings_by_class(),
                                       .make = make_conditional_flow_matching,
                                       .loss = [](const FlowMatching& model, const Data& batch,
                                                  Rng& rng) { return model.loss(batch, rng); },
                                       .measure = measure,
                                       .figures = figures});
}
