// sf2m: what pairing does to the paths. Four tasks of carrying one sample to another, six ways to
// learn the velocity, and how far the energy of its paths is above that of optimal transport: the
// table 2 of Tong et al., "Simulation-free Schroedinger bridges via score and flow matching"
// (2024).
//
// The one idea: W2 is not where the methods differ. Two samples of the truth lie nearly as far
// apart as the best models; so beside each W2 stands its floor. The energy says it clearly:
//   NPE = |E int |v|^2 dt - W2^2(q_0, q_1)| / W2^2(q_0, q_1).
//
//   sf2m                                  five seeds, 20 000 steps each: long
//   sf2m --epochs 200 --methods independent,optimal      the two that matter most, for shorter
//   sf2m --quick                          a small run
//   sf2m --resume                         goes on where it was stopped
//
// As in the paper: a network of 3 x 64, batches of 512, 10 000 points, a blur of 0.1, sigma = 1 for
// bridges, 100 steps of Euler's method. Not as there: the learning rate falls along a cosine (so
// that no best state has to be looked for), a batch is paired in --shards parts (4 by default), and
// pairs are a permutation, not draws with replacement.
//
// Read next: experiments/run/cells.h, flows/matching/pairing.h, flows/matching/bridge.h.
#include <algorithm>
#include <cmath>

#include "experiments/data/catalogue.h"
#include "experiments/data/moons.h"
#include "experiments/draw/gallery.h"
#include "experiments/metrics/distances.h"
#include "experiments/page/study_page.h"
#include "experiments/programs/choices.h"
#include "experiments/run/cells.h"
#include "experiments/run/files/file.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "flows/matching/bridge.h"
#include "flows/matching/interpolant.h"
#include "flows/matching/reflow.h"

namespace gradflow {
namespace {

const Names kPairs{"noise_to_gaussians", "moons_to_gaussians", "noise_to_moons",
                   "noise_to_s_curve"};
const Names kMethods{"independent", "optimal", "target_path", "reflow", "sf2m", "sb"};
constexpr real kBlur = real(0.1);
constexpr Index kBlock = 2000, kBlocks = 5;  // that the distance of the two ends is measured with

struct Wanted {
  Names pairs = kPairs, methods = kMethods;
  Index seeds = 5, samples = 2000;
};

Settings settings_of(Wanted& wanted) {
  return {names_setting("pairs", wanted.pairs, kPairs, "Tasks"),
          names_setting("methods", wanted.methods, kMethods, "Ways to learn the velocity"),
          setting("seeds", wanted.seeds, Range<Index>{1, 100}, "Trainings of each method"),
          setting("samples", wanted.samples, Range<Index>{10, 5000},
                  "Points that distances are measured with")};
}

// --- A task --------------------------------------------------------------------------------------

using Draw = std::function<Tensor(Index n, Rng& rng)>;

Draw draws_of(const DataSet& set) {
  return [set](Index n, Rng& rng) { return exactly(n, set, rng).points; };
}

// The moons where they meet Gaussians that are far: one mean and one deviation for both axes, and
// times 7.
DataSet large_moons() {
  const DataSet set = moons(0.1);
  const double mean = (set.mean[0] + set.mean[1]) / 2, apart = (set.mean[0] - set.mean[1]) / 2;
  const auto squared = [](double x) { return x * x; };
  const double variance =
      (squared(set.deviation[0]) + squared(set.deviation[1])) / 2 + squared(apart);
  const double factor = 7 / std::sqrt(variance);
  return scaled(set, factor, {-mean * factor, -mean * factor}, "large_moons");
}

struct Task {
  Draw from, to;
  Tensor start, data, again;  // (samples, 2): what models carry, and what they are compared with
  double floor = 0;           // W2 of two samples of the data
  double apart = 0;           // W2^2 of the two ends
};

Task task(const std::string& name, Index samples) {
  const Draw noise = [](Index n, Rng& rng) { return rng.normal({n, 2}); };
  Task task;
  task.from = name == "moons_to_gaussians" ? draws_of(large_moons()) : noise;
  task.to = draws_of(data_set(name == "noise_to_gaussians"   ? "eight_gaussians_wide"
                              : name == "moons_to_gaussians" ? "eight_gaussians_far"
                              : name == "noise_to_moons"     ? "moons_torchcfm"
                                                             : "s_curve"));
  Rng rng(1000);
  task.start = task.from(samples, rng);
  task.data = task.to(samples, rng);
  task.again = task.to(samples, rng);
  task.floor = wasserstein_2(task.data, task.again);
  const Index size = std::min(kBlock, 2 * samples);
  for (Index block = 0; block < kBlocks; ++block) {
    const Tensor start = task.from(size, rng), end = task.to(size, rng);
    task.apart += std::pow(wasserstein_2(start, end), 2) / kBlocks;
  }
  return task;
}

// --- A method ------------------------------------------------------------------------------------

struct Networks {
  FlowMatching flow;
  VelocityNetwork score;  // of the bridges
  void visit(const Visitor& visitor) {
    visitor("flow", flow);
    visitor("score", score);
  }
};

// A batch of data with noise, or points of another set, in the place of noise.
Pairing from(const Draw& draw, const Pairing& pairing) {
  return [draw, pairing](const Tensor& noise, const Data& batch, Rng& rng) {
    return pairing(draw(noise.rows(), rng), batch, rng);
  };
}

Loss loss_of(const std::string& method, const Task& task, const Networks& nets) {
  const bool blurred_plan = method == "sb";
  if (blurred_plan || method == "sf2m") {
    const Bridge bridge{.sigma = 1};
    const Pairing pairing = blurred_plan ? entropic(bridge.sigma) : Pairing(optimal);
    return [&, bridge, pairing](const Data& batch, Rng& rng) {
      const Tensor y_0 = pairing(task.from(batch.size(), rng), batch, rng);
      return bridge_loss(bridge, nets.flow.network.field(), nets.score.field(), y_0, batch.points,
                         rng);
    };
  }
  const bool to_target = method == "target_path";
  const Path path = to_target ? Path(toward_target(kBlur)) : Path(straight);
  const Pairing pairing = from(task.from, method == "optimal" ? Pairing(optimal) : independent);
  return [&nets, path, pairing, blur = to_target ? 0 : kBlur](const Data& batch, Rng& rng) {
    return nets.flow.loss(batch, rng, path, pairing, blur);
  };
}

// Pairs of where the field carries what: those that a reflow learns from.
Data carried_pairs(const Task& task, const FlowMatching& flow, Index n, Rng& rng) {
  const Tensor start = task.from(n, rng);
  return {concat({start, flow.carry(start, {0, 1}, {}, runge_kutta4, {50})}, 1).value(), {}};
}

Rows measured(const std::string& pair, const std::string& method, std::uint64_t seed,
              const Task& task, const FlowMatching& flow) {
  const Tensor end = flow.carry(task.start, {0, 1}, {}, euler, {100});
  const double energy = path_energy(flow.network.field(), task.start, 100);
  return Rows::array({{{"pair", pair},
                       {"method", method},
                       {"w2", wasserstein_2(end, task.data)},
                       {"w2_floor", task.floor},
                       {"npe", normalised_path_energy(energy, task.apart)},
                       {"seed", seed}}});
}

Rows cell(const std::string& pair, const std::string& method, std::uint64_t seed, const Task& task,
          const RunOptions& options, const std::atomic<bool>& stop) {
  Rng rng(seed), training_data = Rng(seed).fork(1);
  const VelocityOptions network{.hidden = {64, 64, 64}, .activation = activations::selu};
  Networks nets{{2, {.hidden = network.hidden, .activation = network.activation}, rng},
                {2, network, rng}};
  const Data data{task.to(options.points, training_data), {}};
  const bool bridge = method == "sf2m" || method == "sb";
  learn(bridge ? parameters(nets) : parameters(nets.flow), data, loss_of(method, task, nets),
        options.training, seed, stop);
  if (method == "reflow" && !stop) {
    const Data pairs = carried_pairs(task, nets.flow, options.points, training_data);
    learn(
        parameters(nets.flow), pairs,
        [&](const Data& batch, Rng& r) { return pairs_loss(nets.flow.network.field(), batch, r); },
        options.training, seed, stop);
  }
  return measured(pair, method, seed, task, nets.flow);
}

// --- What is made of the rows --------------------------------------------------------------------

std::vector<double> column(const Rows& rows, const std::string& pair, const std::string& method,
                           const char* key) {
  std::vector<double> found;
  for (const auto& row : rows)
    if (row.at("pair") == pair && row.at("method") == method) found.push_back(number_at(row, key));
  return found;
}

// Of each task: in how many seeds the energy of near pairs is within a tenth of the least, and that
// of independent ones is not.
void conclude(const Rows& rows) {
  for (const std::string& pair : kPairs) {
    const std::vector<double> near = column(rows, pair, "optimal", "npe"),
                              far = column(rows, pair, "independent", "npe");
    if (near.empty() || far.size() != near.size()) continue;
    std::size_t held = 0;
    for (std::size_t i = 0; i < near.size(); ++i) held += near[i] < 0.1 && 0.1 < far[i];
    say("{}: NPE of optimal below 0.1 and of independent above it in {} of {} seeds\n", pair, held,
        near.size());
  }
}

std::string table_of(const Rows& rows, const char* key, const std::string& caption,
                     const Wanted& wanted, bool with_floor) {
  Cells head{"Task"};
  if (with_floor) head.push_back("Floor");
  for (const std::string& method : wanted.methods) head.push_back(escape(spoken(method)));
  std::vector<Cells> lines;
  for (const std::string& pair : wanted.pairs) {
    Cells cells{escape(spoken(pair))};
    if (with_floor) {
      for (const auto& row : rows)
        if (row.at("pair") == pair) {
          cells.push_back(theirs(fixed(number_at(row, "w2_floor"), 3)));
          break;
        }
      if (cells.size() == 1) cells.push_back("–");
    }
    for (const std::string& method : wanted.methods) {
      cells.push_back(median_and_range(column(rows, pair, method, key)));
    }
    lines.push_back(std::move(cells));
  }
  return table(key, caption, head, lines);
}

constexpr const char* kQuestion = R"html(
<p>A velocity that is learned from pairs of points carries one distribution to another, whatever the
pairs. What differs is the way. <dfn>NPE</dfn> is how far the energy of the paths, the mean of
∫|v|² dt, is from the least possible, the squared Wasserstein distance W₂² of the two ends: 0 if the
transport is optimal. <dfn>W2</dfn> is the distance of 100 Euler steps’ samples to the data; its
<dfn>floor</dfn> that of two samples of the data itself, of the same size: nobody can be better than
that but by chance. Medians over the seeds, and the smallest and the largest.</p>
)html";

LineFigure figure(const Rows& rows, const Wanted& wanted) {
  LineFigure lines{.name = "sf2m_energy",  // not that of the table, whose CSV it would replace
                   .title = "Energy of the paths above the least: median of the seeds, and range",
                   .y_label = "NPE",
                   .references = {{"0.1", 0.1}},
                   .log_y = true};
  for (const std::string& pair : wanted.pairs) lines.categories.push_back(spoken(pair));
  for (const std::string& method : wanted.methods) {
    Series series{.label = spoken(method)};
    for (std::size_t k = 0; k < wanted.pairs.size(); ++k)
      add_median_and_range(series, static_cast<double>(k + 1),
                           column(rows, wanted.pairs[k], method, "npe"));
    if (!series.x.empty()) lines.series.push_back(std::move(series));
  }
  return lines;
}

void finish(const Rows& rows, const RunOptions& options, const Wanted& wanted) {
  conclude(rows);
  draw_all(drawings(figure(rows, wanted)), options);
  write_file(
      options.out / "sf2m.html",
      study_page({.name = "sf2m",
                  .title = "Pairs and the energy of paths",
                  .subtitle = "Ways to learn a velocity from one sample to another",
                  .question = kQuestion,
                  .tables = {table_of(rows, "npe", "NPE", wanted, false),
                             table_of(rows, "w2", "W2 to the data", wanted, true)},
                  .figures = {{options.out / "sf2m_energy.png", "The table of NPE as a figure."}},
                  .command = options.command}));
}

int run(const RunOptions& options, const Wanted& wanted) {
  std::map<std::string, Task> tasks;
  for (const std::string& pair : wanted.pairs) tasks[pair] = task(pair, wanted.samples);
  CellTable table = cell_table("sf2m", options, wanted.samples);
  for (const std::string& pair : wanted.pairs)
    for (const std::string& method : wanted.methods)
      for (Index k = 0; k < wanted.seeds; ++k) {
        const std::uint64_t seed = options.training.seed + static_cast<std::uint64_t>(k);
        table.cells.push_back({fmt::format("{}.{}.seed{}", pair, method, seed),
                               [&, seed](const std::atomic<bool>& stop) {
                                 return cell(pair, method, seed, tasks.at(pair), options, stop);
                               }});
      }
  return run_cells(table, options, [&](const Rows& rows) { finish(rows, options, wanted); });
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  options.points = 10'000;
  options.training = {.epochs = 1000, .batch = 512, .shards = 4, .learning_rate = 1e-3, .seed = 42};
  Wanted wanted;
  const char* const about =
      "Learns velocities from pairs of points in several ways, and measures how far their paths "
      "are "
      "from optimal transport.";
  if (const auto end = parse_options(argc, argv, about, options, settings_of(wanted))) return *end;
  return run_program(options, [&] { return run(options, wanted); });
}
