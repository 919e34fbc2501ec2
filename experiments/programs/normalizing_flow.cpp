// Experiment 1: a normalizing flow learns the Olympic rings. Figures 1 to 5.
//
// Read `main` first: the data, the model, its loss, and what is measured and drawn. Each of the
// last two is a function above it; how they are put to work is the same for all experiments
// (experiments/run/experiment.h).
#include <cmath>

#include "autograd/ops.h"
#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/programs/flow_measures.h"
#include "experiments/programs/models.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "normalizing_flow";

json measure(const Trained<Flow>& trained, const RunOptions& options) {
  return measure_flow(kName, trained, options);
}

// Figure 1: the loss and its two parts.
LineFigure loss_figure(const History& history) {
  const auto negative = [](std::vector<double> values) {
    for (double& v : values) v = -v;
    return values;
  };
  const std::vector<double> epochs = epoch_numbers(history.epochs.size());
  return {
      .name = "fig01_nf_validation_loss",
      .title = "Normalizing flow: validation loss and its two parts",
      .x_label = "epoch",
      .y_label = "nats per point",
      .series = {{.label = "−log p(z)", .x = epochs, .y = negative(metric(history, "log_prior"))},
                 {.label = "loss = −log p(y)", .x = epochs, .y = metric(history, "validation_nll")},
                 {.label = "−log |det|", .x = epochs, .y = negative(metric(history, "log_det"))}},
      .references = {{.label = fmt::format("floor {:.4f}", kNllFloor), .y = kNllFloor}}};
}

// Figure 2: samples, drawn three times.
PointFigure samples_figure(const Flow& flow) {
  PointFigure figure{.name = "fig02_nf_samples", .limits = kRingLimits};
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Rng rng = Rng(seed).fork(200);
    figure.panels.push_back({.title = fmt::format("1000 samples, seed {}", seed),
                             .clouds = {{.points = to_points(flow.sample(1000, rng))}}});
  }
  return figure;
}

// The points after each layer, and before the first.
std::vector<Tensor> states_to_data(const Flow& flow, const Tensor& noise) {
  return flow.bijection.as<Chain>()->states_to_data(noise);
}

// Figure 3: noise on its way through the layers, after every third coupling.
PointFigure layers_figure(const Flow& flow) {
  const std::vector<Tensor> states = states_to_data(flow, Rng(1).fork(300).normal({1000, 2}));
  PointFigure figure{.name = "fig03_nf_layers", .limits = kNoiseLimits};
  const std::size_t layers = states.size() - 1;
  for (std::size_t panel = 0; panel <= 5; ++panel) {
    const std::size_t layer = layers * panel / 5;
    figure.panels.push_back(
        {.title = layer == 0 ? "noise" : fmt::format("after {} of {} layers", layer, layers),
         .clouds = {{.points = to_points(states[layer])}}});
  }
  return figure;
}

ColorBar layer_bar(double layers) {
  return {.label = fmt::format("layer  (0 = noise, {} = data)", layers), .range = {0, layers}};
}

// Figure 4: ten samples on their way, layer by layer.
PointFigure trajectories_figure(const Flow& flow, const Tensor& data) {
  const std::vector<Tensor> states = states_to_data(flow, Rng(2).fork(400).normal({10, 2}));
  const double layers = static_cast<double>(states.size() - 1);
  return {.name = "fig04_nf_trajectories",
          .panels = {{.title = "Ten samples through the layers",
                      .clouds = {background(data)},
                      .paths = paths(states, evenly(0, layers, states.size()))}},
          .limits = kPathLimits,
          .bar = layer_bar(layers)};
}

// Figure 5: the five points on their way back to the noise.
PointFigure inverse_figure(const Flow& flow, const Tensor& data) {
  const std::vector<Tensor> states = flow.bijection.as<Chain>()->states_to_latent(five_points());
  const double layers = static_cast<double>(states.size() - 1);
  return {.name = "fig05_nf_inverse_trajectories",
          .panels = {{.title = "Five points back through the layers (the outliers leave the frame)",
                      .clouds = {background(data)},
                      .paths = paths(states, evenly(layers, 0, states.size())),
                      .labels = five_labels()}},
          .limits = kNoiseLimits,
          .bar = layer_bar(layers)};
}

std::vector<Drawing> figures(const Trained<Flow>& trained, const Tensor& points) {
  const Flow& flow = trained.model;
  return drawings(loss_figure(trained.history), samples_figure(flow), layers_figure(flow),
                  trajectories_figure(flow, points), inverse_figure(flow, points));
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  NormalizingFlowSettings own;
  return run_experiment<Flow>(
      argc, argv,
      {.name = kName,
       .about = "Trains a normalizing flow on the Olympic rings and draws figures 1 to 5.",
       .settings = settings_of(own),
       .data = rings(),
       .make = [&](Rng& rng) { return make_normalizing_flow(own, rng); },
       .loss = [](const Flow& flow, const Data& batch,
                  Rng&) { return -mean(flow.log_prob(batch.points)); },
       .validation_points = kValidationPoints,
       .validate = validate_flow,
       .measure = measure,
       .figures = figures});
}
