// Experiment 1: a normalizing flow learns the Olympic rings. Figures 1 to 5.
//
// Read `run` first: make the data, make the model, train it, measure it, draw it. Each of those is
// a function above.

#include "flows/normalizing_flow.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/data/rings.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/programs/trained.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/run/say.h"
#include "tensor/error.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "normalizing_flow";
constexpr Index kValidationPoints = 50'000;
constexpr Index kMeasuredSamples = 10'000;

// The means over a set of points of -log p and of its two parts; on the training's threads.
Metrics validate(const NormalizingFlow& flow, const Tensor& points) {
  constexpr Index kChunk = 1000;
  const Index n = points.rows(), chunks = (n + kChunk - 1) / kChunk;
  struct Sums {
    double prior, log_det;
  };
  std::vector<Sums> sums(static_cast<std::size_t>(chunks));
  parallel_for(chunks, [&](Index i) {
    const auto parts = flow.log_prob_parts(points.rows(i * kChunk, std::min(n, (i + 1) * kChunk)));
    sums[static_cast<std::size_t>(i)] = {sum(parts.prior).item(), sum(parts.log_det).item()};
  });
  Sums total{0, 0};
  for (const Sums& s : sums) total = {total.prior + s.prior, total.log_det + s.log_det};
  const double prior = total.prior / static_cast<double>(n);
  const double log_det = total.log_det / static_cast<double>(n);
  return {{"validation_nll", -prior - log_det}, {"log_prior", prior}, {"log_det", log_det}};
}

std::vector<double> metric(const History& history, const std::string& name) {
  std::vector<double> values;
  for (const Epoch& epoch : history.epochs) {
    const auto found = epoch.metrics.find(name);
    if (found == epoch.metrics.end())
      throw FileError(fmt::format("load: the history saved with the weights has no {}", name));
    values.push_back(found->second);
  }
  return values;
}

// What becomes of the report's five points.
json measure_points(const NormalizingFlow& flow) {
  const Tensor y = five_points();
  const Tensor z = flow.transform.to_latent(y).points.value();
  const Tensor back = flow.transform.to_data(z).points.value();
  const auto parts = flow.log_prob_parts(y);
  const Tensor log_prob = parts.total().value();
  json points = json::array();
  for (Index i = 0; i < y.rows(); ++i)
    points.push_back({{"y", {y.at({i, 0}), y.at({i, 1})}},
                      {"z", {z.at({i, 0}), z.at({i, 1})}},
                      {"log_prob", log_prob.at({i})},
                      {"log_prior", parts.prior.value().at({i})},
                      {"round_trip_error", std::hypot(back.at({i, 0}) - y.at({i, 0}),
                                                      back.at({i, 1}) - y.at({i, 1}))}});
  return points;
}

void measure(NormalizingFlow& flow, const Normalization& normalization, const History& history,
             const RunOptions& options, const Settings& settings) {
  Rng rng = Rng(options.training.seed).fork(100);
  const Tensor samples = normalization.undo(flow.sample(kMeasuredSamples, rng));
  json section = report_basics(flow.parameters(), history, settings);
  section["validation_nll"] = metric(history, "validation_nll");
  section["log_det"] = metric(history, "log_det");
  section["log_prior"] = metric(history, "log_prior");
  section["on_ring"] = share_on_rings(samples);
  section["within_0.05"] = share_on_rings(samples, 0.05);
  section["points"] = measure_points(flow);
  write_report(options.out, kName, section);
  say("{}: validation NLL {:.4f} (floor {:.4f}), {:.1f} % of {} samples on a ring\n", kName,
      metric(history, "validation_nll").back(), kNllFloor, 100 * section["on_ring"].get<double>(),
      kMeasuredSamples);
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
PointFigure samples_figure(const NormalizingFlow& flow) {
  PointFigure figure{.name = "fig02_nf_samples", .limits = kRingLimits};
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Rng rng = Rng(seed).fork(200);
    figure.panels.push_back({.title = fmt::format("1000 samples, seed {}", seed),
                             .clouds = {{.points = to_points(flow.sample(1000, rng))}}});
  }
  return figure;
}

// Figure 3: noise on its way through the layers, after every third coupling.
PointFigure layers_figure(const NormalizingFlow& flow) {
  Rng rng = Rng(1).fork(300);
  const std::vector<Tensor> states = flow.transform.states_to_data(rng.normal({1000, 2}));
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
PointFigure trajectories_figure(const NormalizingFlow& flow, const Tensor& data) {
  Rng rng = Rng(2).fork(400);
  const std::vector<Tensor> states = flow.transform.states_to_data(rng.normal({10, 2}));
  const double layers = static_cast<double>(states.size() - 1);
  return {.name = "fig04_nf_trajectories",
          .panels = {{.title = "Ten samples through the layers",
                      .clouds = {background(data)},
                      .paths = paths(states, evenly(0, layers, states.size()))}},
          .limits = kPathLimits,
          .bar = layer_bar(layers)};
}

// Figure 5: the five points on their way back to the noise.
PointFigure inverse_figure(const NormalizingFlow& flow, const Tensor& data) {
  const std::vector<Tensor> states = flow.transform.states_to_latent(five_points());
  const double layers = static_cast<double>(states.size() - 1);
  return {.name = "fig05_nf_inverse_trajectories",
          .panels = {{.title = "Five points back through the layers (the outliers leave the frame)",
                      .clouds = {background(data)},
                      .paths = paths(states, evenly(layers, 0, states.size())),
                      .labels = five_labels()}},
          .limits = kNoiseLimits,
          .bar = layer_bar(layers)};
}

int run(RunOptions& options, NormalizingFlowSettings& own) {
  const Settings settings = settings_of(options) + settings_of(own);
  Saved saved;
  if (options.figures_only) saved = load_saved(kName, options, settings);
  const Rng rng(options.training.seed);
  Rng train_rng = rng.fork(1), validation_rng = rng.fork(2);
  const Tensor raw = sample_rings(options.points, train_rng);
  const auto normalization =
      options.figures_only ? Normalization::from(saved.tensors) : Normalization::of(raw);
  const Tensor data = normalization.apply(raw);
  NormalizingFlow flow = make_normalizing_flow(own, options.training.seed);
  const StopRequests stop;  // from here on there is something to lose
  if (options.figures_only) {
    assign(flow.parameters(), saved.tensors);
    flow.transform.set_constants(saved.tensors);
    saved.history.weights_hash = hash_tensors(values(flow.parameters()));
  } else {
    const Tensor validation = normalization.apply(sample_rings(kValidationPoints, validation_rng));
    NamedTensors constants = flow.transform.constants();
    constants.merge(normalization.tensors());
    const Outcome outcome = train_and_save(
        {.name = kName,
         .parameters = flow.parameters(),
         .loss = [&](const Data& batch, Rng&) { return -mean(flow.log_prob(batch.points)); },
         .data = {data, {}},
         .constants = constants,
         .validate = [&] { return validate(flow, validation); }},
        options, settings, stop);
    if (outcome.stopped_by != 0) return 128 + outcome.stopped_by;
    saved.history = outcome.history;
  }
  const Farewell farewell(going_on(options));
  if (stop.signal() != 0) {  // it came when the training had just ended
    complain("{}", going_on(options));
    return 128 + stop.signal();
  }
  measure(flow, normalization, saved.history, options, settings);
  Gallery gallery(options);
  gallery.add(loss_figure(saved.history));
  gallery.add(samples_figure(flow));
  gallery.add(layers_figure(flow));
  gallery.add(trajectories_figure(flow, data));
  gallery.add(inverse_figure(flow, data));
  gallery.draw_all();
  return 0;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  NormalizingFlowSettings own;
  const char* const about =
      "Trains a normalizing flow on the Olympic rings and draws figures 1 to 5.";
  if (const auto end = parse_options(argc, argv, about, options, settings_of(own))) return *end;
  return run_program(options, [&] { return run(options, own); });
}
