// c2ot: what optimal transport does to conditions. Eight Gaussians become two moons, and the
// network is told of each point nothing, its moon, or where it is across: figure 1 of Cheng and
// Schwing, "The curse of conditions" (2025).
//
// The one idea: pairing noise with near data makes paths straight, but if the network is told a
// condition, the noise of a condition is then no longer what it will start from when it is used.
// So OT, the best without conditions, becomes the worst; pairing that respects the condition (C2OT)
// keeps the straight paths and is the best in all columns.
//
//   c2ot                              ten seeds, 20 000 steps each: long
//   c2ot --quick                      a small run
//   c2ot --resume                     goes on where it was stopped
//
// As in the paper: batches of 256, by one step of Euler's method and by Dormand and Prince's with a
// tolerance of 1e-4; W2 squared, the samples made under the conditions of the very points that they
// are compared with (so that it may be below the floor of two independent samples). Not as there:
// the network is 4 x 128 (GELU), the learning rate falls along a cosine, a batch is paired as it is
// or in --shards parts, and W2 is the mean over blocks of 2 000 points.
//
// Read next: flows/matching/pairing.h, sf2m.cpp.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "experiments/data/catalogue.h"
#include "experiments/draw/gallery.h"
#include "experiments/metrics/distances.h"
#include "experiments/page/study_page.h"
#include "experiments/programs/choices.h"
#include "experiments/run/cells.h"
#include "experiments/run/files/file.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "flows/matching/loss.h"
#include "flows/matching/velocity.h"

namespace gradflow {
namespace {

struct Column {  // of the figure: what the network is told, and how a batch is paired
  const char *condition, *method;
  std::array<double, 2> published;  // W2 squared, the means of ten seeds, by each of the solvers
};
constexpr std::array<Column, 8> kColumns{{{"none", "fm", {6.232, 0.120}},
                                          {"none", "ot", {0.072, 0.050}},
                                          {"class", "fm", {2.573, 0.059}},
                                          {"class", "ot", {0.483, 0.462}},
                                          {"class", "c2ot", {0.048, 0.018}},
                                          {"real", "fm", {0.732, 0.028}},
                                          {"real", "ot", {8.276, 2.143}},
                                          {"real", "c2ot", {0.077, 0.013}}}};
const Names kConditions{"none", "class", "real"};
const Names kSolvers{"euler_1", "adaptive"};
constexpr double kShare = 0.05;  // of pairs by other conditions, of real ones
constexpr Index kBlock = 2000;   // points between which a distance is measured

struct Wanted {
  Names conditions = kConditions;
  Index seeds = 10, samples = 10'000;
};

Settings settings_of(Wanted& wanted) {
  return {names_setting("conditions", wanted.conditions, kConditions,
                        "What the network is told of a point"),
          setting("seeds", wanted.seeds, Range<Index>{1, 100}, "Trainings of each method"),
          setting("samples", wanted.samples, Range<Index>{10, 100'000},
                  "Points that distances are measured with")};
}

// What the network is told, (n, 1): -1 or 1 for the moon, or the place across. Nothing for "none".
Tensor told(const std::string& condition, const Data& data) {
  if (condition == "real") return kernel::slice(data.points, 1, 0, 1);
  std::vector<real> side;
  for (const Index label : data.labels) side.push_back(label == 0 ? real(-1) : real(1));
  return Tensor({data.size(), 1}, side);
}
Var context(const std::string& condition, const Data& data) {
  return condition == "none" ? no_context : Var(told(condition, data));
}

Pairing pairing_of(const Column& column) {
  const std::string condition = column.condition, method = column.method;
  if (method == "fm") return independent;
  if (method == "ot") return optimal;
  if (condition == "class") return optimal_within_classes;
  return optimal_near_conditions([condition](const Data& batch) { return told(condition, batch); },
                                 kShare);
}

// The ends of the ways from `start`, under the conditions of `data`.
Tensor carried(const VelocityNetwork& network, const std::string& condition, const Tensor& start,
               const Data& data, const std::string& solver) {
  constexpr Index kPart = 250;  // points that share their adaptive steps
  const Unrecorded unrecorded;
  std::vector<Tensor> parts;
  for (Index i = 0; i < start.rows(); i += kPart) {
    std::vector<Index> own;
    for (Index j = i; j < std::min(i + kPart, start.rows()); ++j) own.push_back(j);
    const Field field = network.field(context(condition, data.rows(own)));
    const Tensor from = kernel::gather(start, own);
    parts.push_back(solver == "euler_1" ? integrate(field, from, {0, 1}, euler, 1).value()
                                        : integrate(field, from, {0, 1}, dormand_prince,
                                                    Adaptive{.relative = 1e-4, .absolute = 1e-4})
                                              .value());
  }
  return kernel::concat(parts, 0);
}

// The mean over blocks.
double w2_squared(const Tensor& a, const Tensor& b) {
  double total = 0;
  Index blocks = 0;
  for (Index i = 0; i == 0 || i + kBlock <= a.rows(); i += kBlock, ++blocks) {
    const Index end = std::min(i + kBlock, a.rows());
    total += std::pow(wasserstein_2(a.rows(i, end), b.rows(i, end)), 2);
  }
  return total / static_cast<double>(blocks);
}

Rows cell(const Column& column, std::uint64_t seed, const RunOptions& options, const Wanted& wanted,
          const std::atomic<bool>& stop) {
  const DataSet from = data_set("eight_gaussians_torchcfm"), to = data_set("smeared_moons");
  Rng rng(seed), points = Rng(seed).fork(1), measuring = Rng(seed).fork(2);
  const std::string condition = column.condition;
  VelocityNetwork network(2,
                          {.hidden = {128, 128, 128, 128},
                           .activation = activations::gelu,
                           .context = condition == "none" ? 0 : 1},
                          rng);
  const Pairing pairing = [&from, chosen = pairing_of(column)](const Tensor& noise,
                                                               const Data& batch, Rng& r) {
    return chosen(exactly(noise.rows(), from, r).points, batch, r);
  };
  const Loss loss = [&](const Data& batch, Rng& r) {
    return matching_loss(network.field(context(condition, batch)), batch, r, straight, pairing);
  };
  learn(parameters(network), exactly(options.points, to, points), loss, options.training, seed,
        stop);

  // Shuffled: both sets take their classes by turns, and a point must not know the condition that
  // it is given.
  const Tensor start = kernel::gather(exactly(wanted.samples, from, measuring).points,
                                      measuring.permutation(wanted.samples));
  const Data fresh = exactly(wanted.samples, to, measuring);
  Rows rows = Rows::array();
  for (const std::string& solver : kSolvers) {
    if (stop) return rows;
    const Tensor end = carried(network, condition, start, fresh, solver);
    rows.push_back({{"condition", condition},
                    {"method", column.method},
                    {"solver", solver},
                    {"w2_squared", w2_squared(end, fresh.points)},
                    {"seed", seed}});
  }
  return rows;
}

// --- What is made of the rows --------------------------------------------------------------------

std::vector<double> found(const Rows& rows, const std::string& condition, const std::string& method,
                          const std::string& solver) {
  std::vector<double> values;
  for (const auto& row : rows)
    if (row.at("condition") == condition && row.at("method") == method &&
        row.at("solver") == solver)
      values.push_back(number_at(row, "w2_squared"));
  return values;
}

// The published figure's order, from the best, of each condition and solver: how often is it ours?
void conclude(const Rows& rows, const Wanted& wanted) {
  const auto order = [](const std::string& condition, const std::string& solver) -> Names {
    if (condition == "none") return {"ot", "fm"};
    if (condition == "class" && solver == "euler_1") return {"c2ot", "ot", "fm"};
    return {"c2ot", "fm", "ot"};
  };
  for (const std::string& condition : wanted.conditions)
    for (const std::string& solver : kSolvers) {
      const Names names = order(condition, solver);
      std::vector<std::vector<double>> values;
      for (const std::string& name : names) values.push_back(found(rows, condition, name, solver));
      if (std::ranges::any_of(values, [&](const auto& v) { return v.size() != values[0].size(); }))
        continue;
      std::size_t held = 0;
      for (std::size_t k = 0; k < values[0].size(); ++k) {
        bool rising = true;
        for (std::size_t i = 1; i < values.size(); ++i) rising &= values[i - 1][k] < values[i][k];
        held += rising;
      }
      say("{}, {}: {} in {} of {} seeds\n", condition, solver,
          fmt::format("{}", fmt::join(names, " < ")), held, values[0].size());
    }
}

std::string table_of(const Rows& rows, const Wanted& wanted) {
  Cells head{"Told, pairs"};
  for (const std::string& solver : kSolvers) {
    head.push_back(escape(spoken(solver)));
    head.push_back("Published");
  }
  std::vector<Cells> lines;
  for (const Column& column : kColumns) {
    if (std::ranges::count(wanted.conditions, column.condition) == 0) continue;
    Cells cells{fmt::format("{}, {}", column.condition, column.method)};
    for (std::size_t k = 0; k < kSolvers.size(); ++k) {
      cells.push_back(median_and_range(found(rows, column.condition, column.method, kSolvers[k])));
      cells.push_back(theirs(fixed(column.published[k], 3)));
    }
    lines.push_back(std::move(cells));
  }
  return table("w2", "W2 squared to the data", head, lines);
}

constexpr const char* kQuestion = R"html(
<p>Eight Gaussians are carried to two moons. The network is told nothing of a point, its <b>class</b>
(which moon), or a <b>real</b> number (its place across). A batch is paired as it was drawn
(<b>fm</b>), by optimal transport (<b>ot</b>), or by one that respects the condition
(<b>c2ot</b>). Each is judged by one step of Euler’s method, which only straight paths survive, and
by an adaptive solver. Medians over the seeds, and the smallest and the largest; beside them the means
that Cheng and Schwing (2025) published, of ten seeds and 20 000 steps.</p>
)html";

LineFigure figure(const Rows& rows) {
  LineFigure lines{.name = "c2ot_distance",  // not that of the table, whose CSV it would replace
                   .title = "Eight Gaussians to two moons: median of the seeds, and range",
                   .x_label = "pairs, and what the network is told",
                   .y_label = "W2 squared",
                   .log_y = true};
  for (const Column& column : kColumns)
    lines.categories.push_back(fmt::format("{}\n{}", column.method, column.condition));
  for (const std::string& solver : kSolvers) {
    Series series{.label = spoken(solver)};
    for (std::size_t k = 0; k < kColumns.size(); ++k)
      add_median_and_range(series, static_cast<double>(k + 1),
                           found(rows, kColumns[k].condition, kColumns[k].method, solver));
    lines.series.push_back(std::move(series));
  }
  return lines;
}

void finish(const Rows& rows, const RunOptions& options, const Wanted& wanted) {
  conclude(rows, wanted);
  draw_all(drawings(figure(rows)), options);
  write_file(options.out / "c2ot.html",
             study_page({.name = "c2ot",
                         .title = "Pairs and conditions",
                         .subtitle = "What optimal transport does to conditional flow matching",
                         .question = kQuestion,
                         .tables = {table_of(rows, wanted)},
                         .figures = {{options.out / "c2ot_distance.png", "The table as a figure."}},
                         .command = options.command}));
}

int run(const RunOptions& options, const Wanted& wanted) {
  CellTable table = cell_table("c2ot", options, wanted.samples);
  for (Index k = 0; k < wanted.seeds; ++k)
    for (const Column& column : kColumns) {
      if (std::ranges::count(wanted.conditions, column.condition) == 0) continue;
      const std::uint64_t seed = options.training.seed + static_cast<std::uint64_t>(k);
      table.cells.push_back({fmt::format("{}.{}.seed{}", column.condition, column.method, seed),
                             [&, seed](const std::atomic<bool>& stop) {
                               return cell(column, seed, options, wanted, stop);
                             }});
    }
  return run_cells(table, options, [&](const Rows& rows) { finish(rows, options, wanted); });
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  options.points = 256 * 200;
  options.training = {.epochs = 100, .batch = 256, .shards = 1, .learning_rate = 1e-3};
  Wanted wanted;
  const char* const about =
      "Learns to carry eight Gaussians to two moons under conditions, and measures what pairings "
      "make of it.";
  if (const auto end = parse_options(argc, argv, about, options, settings_of(wanted))) return *end;
  return run_program(options, [&] { return run(options, wanted); });
}
