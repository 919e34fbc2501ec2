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
//   few_steps --resume      goes on where it was stopped
//
// Read next: experiments/run/cells.h, flows/matching/reflow.h, flows/matching/mean_flow.h,
// experiments/metrics/distances.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/data/moons.h"
#include "experiments/draw/gallery.h"
#include "experiments/metrics/distances.h"
#include "experiments/run/cells.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "flows/linear/standardize.h"
#include "flows/matching/density.h"
#include "flows/matching/mean_flow.h"
#include "flows/matching/reflow.h"

namespace gradflow {
namespace {

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

// The four models of one seed. A row is Euler's method of so many steps, or MeanFlow's own:
//   w2, w2_floor in the data's units; the nll of the density that the steps make, null where they
//   have none; the straightness of the field, null for MeanFlow.
class Study {
 public:
  Study(const RunOptions& options, const Reference& truth, Index seed,
        const std::atomic<bool>& stop)
      : options_(options),
        truth_(truth),
        seed_(options.training.seed + static_cast<std::uint64_t>(seed)),
        stop_(stop),
        floor_(wasserstein_2(truth.again, truth.data)) {}

  Rows run() {
    Rng rng(2000 + seed_);
    const Data moons{
        truth_.units.to_latent(sample_moons(options_.points, rng, kNoise).points).points.value(),
        {}};
    FlowMatching first = fresh();
    learn(first, moons, [&](const Data& batch, Rng& r) { return first.loss(batch, r); });
    measure("straight", first);
    FlowMatching near = fresh();
    learn(
        near, moons,
        [&](const Data& pairs, Rng& r) { return pairs_loss(near.network.field(), pairs, r); },
        [](const Data& batch, Rng& r) { return paired(batch, r, optimal); });
    measure("optimal", near);
    FlowMatching again = first;  // a warm start
    learn(again, reflow_pairs(first, kReflowPairs, rng),
          [&](const Data& pairs, Rng& r) { return pairs_loss(again.network.field(), pairs, r); });
    measure("reflow", again);
    MeanFlow means(2, {.hidden = {64, 64, 64}}, rng);
    learn(means, moons, [&](const Data& batch, Rng& r) { return means.loss(batch, r); });
    measure(means);
    return rows_;
  }

 private:
  FlowMatching fresh() const {
    Rng rng(seed_);
    return {2, {.hidden = {64, 64, 64}, .activation = activations::silu}, rng};
  }

  template <class Model>
  void learn(Model& model, const Data& data, const Loss& loss, const Preparation& prepare = {}) {
    gradflow::learn(parameters(model), data, loss, options_.training, seed_, stop_, prepare);
  }

  void add(const char* model, Index steps, const Tensor& end, double nll, double bend) {
    rows_.push_back({{"model", model},
                     {"seed", seed_},
                     {"steps", steps},
                     {"w2", truth_.w2(end)},
                     {"w2_floor", floor_},
                     {"nll", number(nll)},
                     {"straightness", number(bend)}});
  }

  void measure(const char* name, const FlowMatching& model) {
    if (stop_) return;
    const double bend = straightness(model.network.field(), truth_.noise);
    for (const Index steps : kSteps)
      add(name, steps, model.carry(truth_.noise, {0, 1}, {}, euler, steps), nll(model, steps),
          bend);
  }
  void measure(const MeanFlow& model) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    for (const Index steps : kSteps) {
      if (stop_) return;
      add("mean_flow", steps, model.carry(truth_.noise, steps), kNone, kNone);
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
  const Reference& truth_;
  const std::uint64_t seed_;
  const std::atomic<bool>& stop_;
  const double floor_;
  Rows rows_ = Rows::array();
};

// The median over the seeds of what stands in the column.
double median_of(const Rows& rows, const std::string& model, Index steps, const char* column) {
  std::vector<double> found;
  for (const auto& row : rows)
    if (row.at("model") == model && row.at("steps") == steps)
      found.push_back(number_at(row, column));
  return median(found);
}

LineFigure figure(const Rows& rows) {
  LineFigure lines{.name = "distance_by_steps",
                   .title = "Two moons: how few steps are enough?",
                   .x_label = "steps",
                   .y_label = "W2 to the data",
                   .references = {{"two true samples", number_at(rows.front(), "w2_floor")}},
                   .log_x = true,
                   .log_y = true};
  for (const std::string& model : kModels) {
    Series series{.label = model};
    std::replace(series.label.begin(), series.label.end(), '_', ' ');
    for (const Index steps : kSteps) {
      series.x.push_back(static_cast<double>(steps));
      series.y.push_back(median_of(rows, model, steps, "w2"));
    }
    lines.series.push_back(std::move(series));
  }
  return lines;
}

// What the table is for, in two lines.
void conclude(const Rows& rows) {
  const auto of = [&](const char* model, Index steps, const char* column) {
    return median_of(rows, model, steps, column);
  };
  const double bend = of("straight", 1, "straightness"), after = of("reflow", 1, "straightness");
  say("straightness {:.3f}, after one reflow {:.4f}: {:.0f} times less\n", bend, after,
      bend / after);
  say("W2: MeanFlow in one step {:.3f}, the straight lines' field in 100 {:.3f}\n",
      of("mean_flow", 1, "w2"), of("straight", 100, "w2"));
}

int run(const RunOptions& options, const Scale& scale) {
  const Reference truth = reference(scale);
  CellTable table = cell_table("few_steps", options, scale.samples);
  for (Index seed = 0; seed < scale.seeds; ++seed)
    table.cells.push_back(
        {fmt::format("seed{}", options.training.seed + static_cast<std::uint64_t>(seed)),
         [&, seed](const std::atomic<bool>& stop) {
           return Study(options, truth, seed, stop).run();
         }});
  return run_cells(table, options, [&](const Rows& rows) {
    conclude(rows);
    draw_all(drawings(figure(rows)), options);
  });
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
