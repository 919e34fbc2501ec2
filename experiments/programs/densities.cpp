// densities: trains all models on all sets, and says of each how far from the floor it ends.
//
// The one idea: on data that we have made a loss has a zero. So models can be compared by what is
// left above it, in nats, on any set, and nobody has to judge a picture. (They are drawn, too: a
// row for each set, a column for each model, the truth first.)
//
//   densities                             all sets (data/catalogue.h), all models (zoo.h)
//   densities --sets moons,photo.png --models spline_coupling,mixture
//   densities --resume                    goes on where it was stopped
//
// Each pair of a set and a model is a task, on one core; as many run at a time as there are
// processors. What a task has found is in OUT/densities/SET.MODEL.safetensors.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <optional>

#include "experiments/data/catalogue.h"
#include "experiments/data/picture.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/stack.h"
#include "experiments/metrics/truth.h"
#include "experiments/page/densities_page.h"
#include "experiments/programs/choices.h"
#include "experiments/programs/zoo.h"
#include "experiments/run/clock.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr Index kMapCells = 100;  // on a side, of what is drawn
constexpr Index kQuickJudged = 20'000;

struct Wanted {
  Names sets = distinct_sets(), models = zoo_names();
  Index judged = 100'000;  // points of each set to judge by
};

Settings settings_of(Wanted& wanted) {
  return {names_setting("sets", wanted.sets, all_sets(),
                        fmt::format("Data sets, of {}; or pictures, *.png or *.pgm",
                                    fmt::join(all_sets(), ", ")),
                        is_picture),
          names_setting("models", wanted.models, zoo_names(),
                        fmt::format("Models, of {}", fmt::join(zoo_names(), ", "))),
          setting("judged", wanted.judged, Range<Index>{1000, 10'000'000},
                  "Points of each set that models are judged by")};
}

// --- A task: one model on one set ----------------------------------------------------------------

struct Result {
  DensityRow row;
  std::vector<double> map;  // its density, on the grid that is drawn
};

std::string file_stem(const std::string& set) {  // of a picture, without its path
  return fs::path(set).filename().string();
}

fs::path result_file(const RunOptions& options, const std::string& set, const std::string& model) {
  return options.out / "densities" / (file_stem(set) + "." + model + ".safetensors");
}

// What must be the same for a result to be kept: all that decides what is learned and measured.
Texts identity(RunOptions options, Wanted wanted) {
  Texts texts = texts_of(settings_of(options) + settings_of(wanted));
  texts.erase("sets");
  texts.erase("models");
  return texts;
}

void save(const Result& result, const NamedTensors& weights, const RunOptions& options,
          const Wanted& wanted) {
  TensorFile file{weights, identity(options, wanted)};
  file.metadata["format"] = "gradflow density 1";
  file.metadata["row"] = to_json(result.row).dump();
  const std::vector<real> map(result.map.begin(), result.map.end());
  file.tensors["map"] = Tensor({kMapCells, kMapCells}, map);
  save_tensors(result_file(options, result.row.set, result.row.model), file);
}

// Of an earlier run with the same settings; nothing if there is none.
std::optional<Result> saved(const std::string& set, const std::string& model,
                            const RunOptions& options, const Wanted& wanted) {
  const fs::path path = result_file(options, set, model);
  if (!fs::exists(path)) return {};
  const TensorFile file = load_tensors(path);
  for (const auto& [key, text] : identity(options, wanted)) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end() || found->second != text) return {};
  }
  try {
    const Tensor& map = file.at("map");
    return Result{row_from(Json::parse(file.metadata.at("row"))),
                  {map.values().begin(), map.values().end()}};
  } catch (const std::exception& error) {
    throw FileError(
        fmt::format("load: {}: {}; hint: run without --resume", path.string(), error.what()));
  }
}

Standardize units_of(const DataSet& set) {
  const auto tensor = [](const Point2& p) { return Tensor(Shape{2}, {real(p[0]), real(p[1])}); };
  return {tensor(set.mean), tensor(set.deviation)};
}

// Nothing if it was stopped.
std::optional<Result> learn(const Truth& truth, const std::string& model, const RunOptions& options,
                            const Wanted& wanted, const std::atomic<bool>& stop) {
  const Rng seed(options.training.seed);
  Rng training = seed.fork(1), measuring = seed.fork(3);
  const Standardize units = units_of(truth.set());
  const Tensor points =
      units.to_latent(truth.set().sample(options.points, training).points).points.value();

  const double began = seconds_now();
  const Learned learned = species(model).learn(points, options.training, stop);
  if (learned.stopped) return {};
  const double seconds = seconds_now() - began;

  const DensityModel q = in_data_units(learned.model, units);
  const Result result{{.set = truth.set().name,
                       .model = model,
                       .measures = truth.measure(q, measuring),
                       .parameters = q.parameters,
                       .seconds = seconds,
                       .seed = options.training.seed,
                       .edges = truth.set().edges},
                      density_on({truth.view(), kMapCells}, q.log_density)};
  save(result, learned.weights, options, wanted);
  return result;
}

// --- All of them ---------------------------------------------------------------------------------

void say_row(const DensityRow& row, const char* how) {
  const Measures& m = row.measures;
  say("{:16} {:24} NLL {:7.4f}, floor {:7.4f}, gap {:7.4f} +- {:.4f}, mass {:.4f}, {:4.0f} %, "
      "{:5.1f} s{}\n",
      row.set, row.model, m.nll, m.floor, m.gap.value, m.gap.error, m.mass, 100 * m.coverage,
      row.seconds, how);
}

// Every pair, in the order of the sets; what failed, or was not reached, is not among them.
class Table {
 public:
  Table(const RunOptions& options, const Wanted& wanted, const std::atomic<bool>& stop)
      : options_(options),
        wanted_(wanted),
        stop_(stop),
        truths_(wanted.sets.size()),
        results_(wanted.sets.size() * wanted.models.size()) {}

  void fill() {
    parallel_for(std::ssize(truths_), [this](Index i) { prepare(static_cast<std::size_t>(i)); });
    parallel_for(std::ssize(results_), [this](Index i) { run(static_cast<std::size_t>(i)); });
  }

  const Names& failures() const { return failures_; }
  const Truth& truth(std::size_t set) const { return *truths_[set]; }
  const std::optional<Result>& result(std::size_t set, std::size_t model) const {
    return results_[set * wanted_.models.size() + model];
  }
  std::vector<DensityRow> rows() const {
    std::vector<DensityRow> rows;
    for (const auto& result : results_)
      if (result) rows.push_back(result->row);
    return rows;
  }

 private:
  void prepare(std::size_t set) {
    const Rng rng = Rng(options_.training.seed).fork(2);
    truths_[set].emplace(data_set(wanted_.sets[set]), wanted_.judged, rng);
  }

  void run(std::size_t i) {
    const Truth& truth = *truths_[i / wanted_.models.size()];
    const std::string& set = truth.set().name;
    const std::string& model = wanted_.models[i % wanted_.models.size()];
    if (stop_) return;
    try {
      if (options_.resume || options_.figures_only)
        results_[i] = saved(set, model, options_, wanted_);
      const bool found = results_[i].has_value();
      if (!found && !options_.figures_only)
        results_[i] = learn(truth, model, options_, wanted_, stop_);
      const std::lock_guard lock(mutex_);
      if (results_[i]) say_row(results_[i]->row, found ? ", of an earlier run" : "");
      if (results_[i]) judge(results_[i]->row);
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      failures_.push_back(fmt::format("{} on {}: {}", model, set, error.what()));
      complain("{}\n", failures_.back());
    }
  }

  // That a model should be better than the truth, or worse than a number, is our mistake.
  void judge(const DensityRow& row) const {
    const Estimate& gap = row.measures.gap;
    require<Error>(std::isfinite(gap.value), "the gap is {}", gap.value);
    require<Error>(
        gap.value >= -3 * gap.error - 1e-6,
        "a gap of {:.5f} +- {:.5f} is below zero: the density of the set, its sampler or "
        "that of the model is wrong",
        gap.value, gap.error);
  }

  const RunOptions& options_;
  const Wanted& wanted_;
  const std::atomic<bool>& stop_;
  std::vector<std::optional<Truth>> truths_;
  std::vector<std::optional<Result>> results_;
  std::mutex mutex_;
  Names failures_;
};

// --- What is made of it --------------------------------------------------------------------------

PointFigure row_of_maps(const Table& table, const Wanted& wanted, std::size_t set) {
  const Truth& truth = table.truth(set);
  const Limits view = truth.view();
  const auto panel = [&](const std::string& title, const std::vector<double>& density) {
    return Panel{.title = title, .map = HeatMap{view, std::size_t(kMapCells), density}};
  };
  PointFigure figure{.name = file_stem(truth.set().name),
                     .panels = {panel(fmt::format("{}\nfloor {:.3f}", spoken(truth.set().name),
                                                  truth.set().entropy),
                                      density_on({view, kMapCells}, truth.set().log_density))},
                     .limits = view,
                     .bar = {"density", {0, truth.bright()}}};
  for (std::size_t model = 0; model < wanted.models.size(); ++model) {
    const auto& result = table.result(set, model);
    if (!result) continue;
    figure.panels.push_back(panel(
        fmt::format("{}\ngap {:.3f}", spoken(wanted.models[model]), result->row.measures.gap.value),
        result->map));
  }
  figure.columns = static_cast<int>(figure.panels.size());
  return figure;
}

// Each set's row as a figure of its own, then all of them in one picture.
void draw_table(const Table& table, const RunOptions& options, const Wanted& wanted) {
  const fs::path folder = options.out / "densities";
  std::vector<Drawing> drawings;
  Names names;
  for (std::size_t set = 0; set < wanted.sets.size(); ++set) {
    const PointFigure figure = row_of_maps(table, wanted, set);
    names.push_back(figure.name);
    drawings.push_back([figure, folder](const RunOptions& o) {
      draw(figure, {.directory = folder, .svg = o.svg, .pdf = o.pdf});
    });
  }
  draw_all(drawings, options);
  stack(folder, names, fs::absolute(options.out / "densities.png"), 35);
}

void write_table(const std::vector<DensityRow>& rows, const RunOptions& options) {
  Json list = Json::array();
  for (const DensityRow& row : rows) list.push_back(to_json(row));
  write_file(options.out / "densities.json", list.dump(1) + "\n");
  write_file(options.out / "densities.csv", densities_csv(rows));
}

void write_page(const std::vector<DensityRow>& rows, const RunOptions& options) {
  const fs::path picture = options.out / "densities.png";
  write_file(options.out / "densities.html",
             densities_page(rows, fs::exists(picture) ? read_file(picture) : "", options.command));
  say("{} rows in {}\n", rows.size(), (options.out / "densities.html").string());
}

int run(RunOptions& options, const Wanted& wanted) {
  fs::create_directories(options.out / "densities");
  const StopRequests stop;
  Table table(options, wanted, stop.requested());
  table.fill();
  if (stop.signal() != 0) {
    complain("\n{}: stopped; go on with: {} --resume\n", options.program, options.command);
    return 128 + stop.signal();
  }
  const std::vector<DensityRow> rows = table.rows();
  require<Error>(!rows.empty(), "no result; hint: see above, or run without --figures-only");
  write_table(rows, options);
  const Farewell farewell(going_on(options));
  draw_table(table, options, wanted);
  write_page(rows, options);
  if (table.failures().empty()) return 0;
  complain("{}: {} of {} pairs failed: {}\n", options.program, table.failures().size(),
           wanted.sets.size() * wanted.models.size(), table.failures().front());
  return 1;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  options.training.epochs = 10;
  options.training.shards = 1;  // a model has one core
  options.training.learning_rate = 3e-3;
  options.training.largest_gradient = 5;
  Wanted wanted;
  const char* const about =
      "Trains models of densities on sets whose density is known, and says how far each ends from "
      "the lowest loss that there can be.";
  if (const auto end = parse_options(argc, argv, about, options, settings_of(wanted))) return *end;
  if (options.quick) wanted.judged = std::min(wanted.judged, kQuickJudged);
  return run_program(options, [&] { return run(options, wanted); });
}
