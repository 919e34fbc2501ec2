// few_steps: how few steps are enough? One to a hundred, for four ways to learn a field on two
// moons: straight lines from noise that is drawn independently, lines from the noise that is near
// (optimal transport), a reflow of the first, and MeanFlow.
//
// The one idea: a distance between samples means nothing by itself. Beside each stands its floor,
// the same distance between two true samples; the samples have as many points of each moon, and all
// models start from the same noise, so that chance does not decide.
//
//   few_steps               three seeds; few_steps.csv, few_steps.json, distance_by_steps.png
//   few_steps --quick       a small run
//
// Read next: flows/matching/reflow.h, flows/matching/mean_flow.h, experiments/metrics/distances.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "experiments/data/moons.h"
#include "experiments/draw/gallery.h"
#include "experiments/metrics/distances.h"
#include "experiments/run/files/file.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "flows/linear/standardize.h"
#include "flows/matching/density.h"
#include "flows/matching/mean_flow.h"
#include "flows/matching/reflow.h"

namespace gradflow {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::vector<std::string>;

const Names kModels{"straight", "optimal", "reflow", "mean_flow"};
constexpr Index kSteps[] = {1, 2, 5, 10, 20, 50, 100};
constexpr real kNoise = real(0.1);
constexpr Index kReflowPairs = 20'000;

struct Scale {           // of a run
  Index seeds = 3;       // trainings of each model
  Index samples = 1000;  // that distances are measured with
};

Settings settings_of(Scale& scale) {
  return {setting("seeds", scale.seeds, Range<Index>{1, 100}, "Trainings of each model"),
          setting("samples", scale.samples, Range<Index>{10, 5000},
                  "Points that distances are measured with")};
}

struct Row {  // Euler's method of so many steps, or MeanFlow's own
  std::string model;
  Index seed, steps;
  double w2, w2_floor;  // in the data's units
  double nll;           // of the density that the steps make; NaN where they have none
  double straightness;  // of the field; NaN for MeanFlow
};

// What models are measured by: the same for all of them.
struct Reference {
  Tensor noise, data, again, judged;  // (samples, 2) each, but the last: standardised
  Standardize units;

  double w2(const Tensor& standardised) const {
    return wasserstein_2(units.to_data(standardised).points.value(), data);
  }
};

Reference reference(const Scale& scale) {
  Rng rng(1000);
  const Standardize units = Standardize::of(sample_moons(100'000, rng, kNoise).points);
  const Tensor data = sample_moons(scale.samples, rng, kNoise).points;
  const Tensor again = sample_moons(scale.samples, rng, kNoise).points;
  const Tensor judged = units.to_latent(sample_moons(500, rng, kNoise).points).points.value();
  return {rng.normal({data.rows(), 2}), data, again, judged, units};
}

class Study {
 public:
  Study(const RunOptions& options, const Scale& scale, const StopRequests& stop)
      : options_(options),
        stop_(stop),
        truth_(reference(scale)),
        scale_(scale),
        floor_(wasserstein_2(truth_.again, truth_.data)) {}

  bool stopped() const { return stop_.signal() != 0; }
  const std::vector<Row>& rows() const { return rows_; }
  double floor() const { return floor_; }

  void run() {
    for (Index seed = 0; seed < scale_.seeds && !stopped(); ++seed) {
      seed_ = seed;
      Rng rng(2000 + static_cast<std::uint64_t>(seed));
      const Data moons{
          truth_.units.to_latent(sample_moons(options_.points, rng, kNoise).points).points.value(),
          {}};
      FlowMatching first = fresh();
      learn(first, moons, [&](const Data& batch, Rng& r) { return first.loss(batch, r); });
      measure("straight", first);
      FlowMatching near = fresh();
      learn(near, moons,
            [&](const Data& batch, Rng& r) { return near.loss(batch, r, straight, optimal); });
      measure("optimal", near);
      FlowMatching again = first;  // a warm start
      learn(again, reflow_pairs(first, kReflowPairs, rng), [&](const Data& pairs, Rng& r) {
        return reflow_loss(again.network.field(), pairs, r);
      });
      measure("reflow", again);
      MeanFlow means(2, {.hidden = {64, 64, 64}}, rng);
      learn(means, moons, [&](const Data& batch, Rng& r) { return means.loss(batch, r); });
      measure(means);
    }
  }

 private:
  FlowMatching fresh() const {
    Rng rng(static_cast<std::uint64_t>(seed_));
    return {2, {.hidden = {64, 64, 64}, .activation = activations::silu}, rng};
  }

  template <class Model>
  void learn(Model& model, const Data& data, const Loss& loss) {
    if (stopped()) return;
    Weights weights(parameters(model));
    TrainingOptions training = options_.training;
    training.seed = static_cast<std::uint64_t>(seed_);
    train(weights, loss, data, training, {.stop = &stop_.requested()});
  }

  void add(Row row) {
    say("{:>9}, seed {}, {:3} steps: W2 {:.3f} (floor {:.3f})\n", row.model, row.seed, row.steps,
        row.w2, row.w2_floor);
    rows_.push_back(std::move(row));
  }

  void measure(const char* name, const FlowMatching& model) {
    if (stopped()) return;
    const double bend = straightness(model.network.field(), truth_.noise);
    for (const Index steps : kSteps) {
      const Tensor end = model.carry(truth_.noise, {0, 1}, {}, euler, steps);
      add({name, seed_, steps, truth_.w2(end), floor_, nll(model, steps), bend});
    }
  }
  void measure(const MeanFlow& model) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    for (const Index steps : kSteps) {
      if (stopped()) return;
      const Tensor end = model.carry(truth_.noise, steps);
      add({"mean_flow", seed_, steps, truth_.w2(end), floor_, kNone, kNone});
    }
  }

  // Of points of the data, in its units: NaN if a step turns space inside out somewhere.
  double nll(const FlowMatching& model, Index steps) const {
    try {
      const Tensor log_p = euler_log_prob(model.network.field(), truth_.judged, steps);
      const Tensor log_det = truth_.units.to_data(truth_.judged).log_det.value();
      return -mean(Var(log_p) - log_det).item();
    } catch (const NonFiniteError&) {
      return std::numeric_limits<double>::quiet_NaN();
    }
  }

  const RunOptions& options_;
  const StopRequests& stop_;
  Reference truth_;
  Scale scale_;
  double floor_;
  Index seed_ = 0;
  std::vector<Row> rows_;
};

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

void write(const std::vector<Row>& rows, const RunOptions& options) {
  Json list = Json::array();
  std::string csv = "model,seed,steps,w2,w2_floor,nll,straightness\n";
  for (const Row& row : rows) {
    list.push_back({{"model", row.model},
                    {"seed", row.seed},
                    {"steps", row.steps},
                    {"w2", row.w2},
                    {"w2_floor", row.w2_floor},
                    {"nll", number(row.nll)},
                    {"straightness", number(row.straightness)}});
    csv += fmt::format("{},{},{},{},{},{},{}\n", row.model, row.seed, row.steps, row.w2,
                       row.w2_floor, row.nll, row.straightness);
  }
  write_file(options.out / "few_steps.json", list.dump(1) + "\n");
  write_file(options.out / "few_steps.csv", csv);
}

// The median over the seeds, of each model at each number of steps.
LineFigure figure(const Study& study) {
  LineFigure lines{.name = "distance_by_steps",
                   .title = "Two moons: how few steps are enough?",
                   .x_label = "steps",
                   .y_label = "W2 to the data",
                   .references = {{"two true samples", study.floor()}},
                   .log_x = true,
                   .log_y = true};
  for (const std::string& model : kModels) {
    Series series{.label = model};
    std::replace(series.label.begin(), series.label.end(), '_', ' ');
    for (const Index steps : kSteps) {
      std::vector<double> found;
      for (const Row& row : study.rows())
        if (row.model == model && row.steps == steps) found.push_back(row.w2);
      series.x.push_back(static_cast<double>(steps));
      series.y.push_back(median(found));
    }
    lines.series.push_back(std::move(series));
  }
  return lines;
}

int run(const RunOptions& options, const Scale& scale) {
  require<Error>(!options.resume && !options.figures_only,
                 "few_steps: --resume or --figures-only given; it has neither");
  const StopRequests stop;
  Study study(options, scale, stop);
  study.run();
  if (study.stopped()) return 128 + stop.signal();
  write(study.rows(), options);
  draw_all(drawings(figure(study)), options);
  say("{} rows in {}\n", study.rows().size(), (options.out / "few_steps.csv").string());
  return 0;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  options.points = 25'600;
  options.training = {.epochs = 40, .batch = 256, .shards = 1, .learning_rate = 2e-3};
  Scale scale;
  const char* const about =
      "Trains four models that carry noise to two moons and measures what few steps make of them.";
  if (const auto end = parse_options(argc, argv, about, options, settings_of(scale))) return *end;
  return run_program(options, [&] { return run(options, scale); });
}
