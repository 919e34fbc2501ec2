#include "experiments/table/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/table/mixture_base.h"
#include "experiments/table/plane_model.h"
#include "flows/chain.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

using Json = nlohmann::ordered_json;

constexpr Index kChunk = 512;  // rows that are scored as one batch

Tensor columns_of(const Tensor& rows, Index begin, Index end) {
  return kernel::slice(rows, 1, begin, end);
}

std::vector<Mixture> standard_groups(const Architecture& a, Index dim,
                                     const Conditions& conditions) {
  return std::vector(static_cast<std::size_t>(conditions.groups()),
                     standard_mixture(a.components, dim + conditions.reals()));
}

// --- what is saved beside the tensors ---

Json to_json(const Estimate& r) { return {{"mean", r.value}, {"se", r.error}}; }
Json to_json(const std::map<std::string, Estimate>& all) {
  Json json = Json::object();
  for (const auto& [kind, reached] : all) json[kind] = to_json(reached);
  return json;
}
// What JSON spells null was infinite: a row that a model holds for impossible.
Estimate estimate_from(const Json& json) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const Json &mean = json.at("mean"), &error = json.at("se");
  return {mean.is_null() ? -kInfinite : mean.get<double>(),
          error.is_null() ? kInfinite : error.get<double>()};
}
std::map<std::string, Estimate> reached_from(const Json& json) {
  std::map<std::string, Estimate> all;
  for (const auto& [kind, r] : json.items()) all[kind] = estimate_from(r);
  return all;
}

Json to_json(const Facts& facts) {
  Json json{{"source", facts.source},
            {"rows", facts.rows},
            {"dropped", facts.dropped},
            {"training", facts.training},
            {"validation", facts.validation},
            {"test", facts.test},
            {"seed", facts.seed},
            {"seconds", facts.seconds},
            {"stopped", facts.stopped},
            {"on_validation", to_json(facts.on_validation)},
            {"on_test", to_json(facts.on_test)},
            {"warnings", facts.warnings}};
  if (facts.gain) json["gain"] = to_json(*facts.gain), json["gain_over"] = facts.gain_over;
  json["histories"] = Json::object();
  for (const auto& [kind, history] : facts.histories) json["histories"][kind] = to_text(history);
  return json;
}

Facts facts_from(const Json& json) {
  Facts facts{.source = json.at("source"),
              .rows = json.at("rows"),
              .dropped = json.at("dropped"),
              .training = json.at("training"),
              .validation = json.at("validation"),
              .test = json.at("test"),
              .seed = json.at("seed"),
              .seconds = json.at("seconds"),
              .stopped = json.at("stopped"),
              .on_validation = reached_from(json.at("on_validation")),
              .on_test = reached_from(json.at("on_test")),
              .histories = {},
              .gain = {},
              .warnings = json.at("warnings")};
  if (json.contains("gain")) {
    facts.gain = estimate_from(json["gain"]);
    facts.gain_over = json.at("gain_over");
  }
  for (const auto& [kind, text] : json.at("histories").items())
    facts.histories[kind] = history_from(text.get<std::string>());
  return facts;
}

Json to_json(const Conditions& conditions) {
  Json json = Json::array();
  for (const Condition& c : conditions.columns)
    json.push_back({{"name", c.name},
                    {"classes", c.classes},
                    {"mean", c.mean},
                    {"deviation", c.deviation},
                    {"words", c.words}});
  return json;
}

Conditions conditions_from(const Json& json) {
  constexpr Index kMostGroups = 100'000;
  Conditions conditions;
  double groups = 1;
  for (const Json& c : json) {
    conditions.columns.push_back({c.at("name"), c.at("classes"), c.at("mean"), c.at("deviation"),
                                  c.value("words", std::vector<std::string>{})});
    const Condition& column = conditions.columns.back();
    groups *= static_cast<double>(std::max<std::size_t>(1, column.classes.size()));
    const bool are_places = std::ranges::all_of(column.classes, [&](double value) {
      return value >= 0 && value < static_cast<double>(column.words.size());
    });
    const bool has_units = std::isfinite(static_cast<real>(column.mean)) &&
                           std::isfinite(static_cast<real>(column.deviation)) &&
                           static_cast<real>(column.deviation) > 0;
    require<FileError>(groups <= kMostGroups && has_units &&
                           (column.words.empty() || (are_places && !column.classes.empty())),
                       "its conditions make no sense");
  }
  return conditions;
}

const std::string& text_of(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  require<FileError>(found != file.metadata.end(), "it has no \"{}\"", key);
  return found->second;
}

// Of how many numbers such a model is made, at least.
double least_numbers(const Architecture& a, Index dim, const Conditions& conditions) {
  const auto D = static_cast<double>(dim), reals = static_cast<double>(conditions.reals()),
             C = static_cast<double>(conditions.size()), units = static_cast<double>(a.units),
             layers = a.kind == "flow-matching" ? 1 : static_cast<double>(a.layers);
  if (is_mixture(a.kind))
    return static_cast<double>(conditions.groups() * a.components) * (D + reals) * (D + reals);
  const double network = units * (static_cast<double>(a.depth - 1) * units + D / 2 + C);
  return layers * network + (a.kind == "spline" ? (layers - 1) * D * D : 0);  // which mix columns
}

// Sizes are believed only as far as tensors of these sizes are there.
void check_sizes(const TensorFile& file, const Architecture& a, Index D, const Conditions& given) {
  double numbers = 0;
  for (const auto& [name, x] : file.all()) numbers += static_cast<double>(x.size());
  require<FileError>(least_numbers(a, D, given) <= numbers,
                     "it has {} numbers, too few for the sizes that it tells", numbers);
}
void take_components(const TensorFile& file, Architecture& architecture) {
  if (!is_mixture(architecture.kind)) return;
  const Tensor& weights = file.at(std::string(kFlowPrefix) + "base.0.weights");
  require<FileError>(weights.rank() == 1 && weights.size() >= 1, "its mixture has no weights");
  architecture.components = weights.size();
}

// What an experiment, or the page, has trained: a density of x and y.
TableModel from_experiment(const TensorFile& file) {
  const PlaneModel plane = plane_model_in(file);
  Facts facts;
  facts.source = fmt::format("the data of {}", text_of(file, "model"));
  read_texts({setting("points", facts.rows, Range<Index>{0, 100'000'000}, ""),
              setting("seed", facts.seed, Range<std::uint64_t>{0, 999'999'999'999'999'999}, "")},
             file.metadata);
  facts.training = facts.rows;
  History& history = facts.histories[plane.made_of.kind];
  history = history_from(text_of(file, "history"));
  facts.seconds = history.seconds;
  Conditions conditions;
  for (Index k = 0; k < plane.classes; ++k) {
    conditions.columns.resize(1, {.name = "class"});
    conditions.columns[0].classes.push_back(static_cast<double>(k));
  }
  const Flow flow = flow_of(plane);
  return {plane.made_of, {"x", "y"}, conditions, {0, 0}, flow, facts, ranks_of(flow)};
}

TableModel decode(const TensorFile& file) {
  require<FileError>(text_of(file, "format") == kTableFormat, "it is a \"{:.40}\", not a \"{}\"",
                     text_of(file, "format"), kTableFormat);
  Architecture architecture;
  read_texts(architecture.list(), file.metadata);
  take_components(file, architecture);
  const std::vector<std::string> columns = Json::parse(text_of(file, "columns"));
  const Index D = std::ssize(columns);
  require<FileError>(D >= 1, "it has no columns");
  const Conditions conditions = conditions_from(Json::parse(text_of(file, "conditions")));
  const std::vector<double> grid = Json::parse(text_of(file, "grid"));
  const bool has_widths = std::ranges::all_of(
      grid, [](double width) { return width >= 0 && std::isfinite(static_cast<real>(width)); });
  require<FileError>(std::ssize(grid) == D && has_widths, "its grid is not that of its columns");
  check_sizes(file, architecture, D, conditions);
  Rng rng(0);
  TableModel model{
      architecture,
      columns,
      conditions,
      grid,
      make_flow(architecture, Standardize(zeros(Shape{D}), ones(Shape{D})), conditions, rng),
      facts_from(Json::parse(text_of(file, "facts"))),
      file.at("ranks")};
  const auto ranks = model.ranks.values();
  require<FileError>(std::ranges::none_of(ranks, [](real x) { return std::isnan(x); }) &&
                         std::ranges::is_sorted(ranks),
                     "its ranks are not in order");
  load(model.flow, with_prefix(file.all(), kFlowPrefix));
  for (const auto& [name, x] : tensors(model.flow))
    require<FileError>(all_finite(x), "tensor \"{}\" has a number that is not finite",
                       kFlowPrefix + name);
  return model;
}

}  // namespace

Settings Architecture::list() {
  return {setting("model", kind, OneOf{kKinds}, "What is fitted"),
          setting("layers", layers, Range<Index>{1, 100}, "Layers of a flow"),
          setting("units", units, Range<Index>{1, 4096}, "Units of its networks' hidden layers"),
          setting("depth", depth, Range<Index>{1, 10}, "How many hidden layers"),
          setting("components", components, Range<Index>{1, 10'000}, "Gaussians of a mixture")};
}

Flow make_flow(const Architecture& a, const Standardize& units, const Conditions& conditions,
               Rng& rng) {
  const Index D = units.dim();
  if (is_mixture(a.kind))
    return Flow(Chain{units}, MixtureBase(D, conditions, standard_groups(a, D, conditions)));
  return {Chain{plain_flow(a, D, conditions.size(), rng).bijection, units}};
}

std::vector<std::string> TableModel::all_columns() const {
  std::vector<std::string> all = columns;
  for (const Condition& condition : conditions.columns) all.push_back(condition.name);
  return all;
}

std::map<std::string, std::vector<std::string>> TableModel::words() const {
  std::map<std::string, std::vector<std::string>> words;
  for (const Condition& condition : conditions.columns)
    if (!condition.words.empty()) words[condition.name] = condition.words;
  return words;
}

std::string TableModel::hash() const { return hash_tensors(tensors(flow)); }

Tensor dequantised(const Tensor& points, const std::vector<double>& grid, Rng& rng) {
  if (std::ranges::all_of(grid, [](double width) { return width == 0; })) return points;
  Tensor noise = rng.uniform(points.shape());
  real* const out = noise.mutable_data();
  const Index D = points.shape()[1];
  for (Index i = 0; i < noise.size(); ++i)
    out[i] = points.data()[i] + static_cast<real>(grid[static_cast<std::size_t>(i % D)]) * out[i];
  return noise;
}

std::vector<double> log_prob(const TableModel& model, const Tensor& rows, const Rng& rng) {
  const Index N = rows.rows(), D = model.dim(), all = rows.shape()[1];
  std::vector<double> log_p(static_cast<std::size_t>(N));
  parallel_for((N + kChunk - 1) / kChunk, [&](Index chunk) {
    const Index begin = chunk * kChunk, end = std::min(N, begin + kChunk);
    const Tensor part = rows.rows(begin, end);
    Rng noise = rng.fork(static_cast<std::uint64_t>(chunk));
    const Tensor points = dequantised(columns_of(part, 0, D), model.grid, noise);
    const Var given = all > D ? Var(model.conditions.encode(columns_of(part, D, all))) : no_context;
    const Tensor scores = model.flow.log_prob(points, given).value();
    std::copy_n(scores.data(), end - begin, log_p.data() + begin);
  });
  return log_p;
}

Tensor sample(const TableModel& model, const Tensor& given, Rng& rng) {
  const Index n = given.rows(), D = model.dim();
  const Var context =
      model.conditions.size() > 0 ? Var(model.conditions.encode(given)) : no_context;
  Tensor samples = model.flow.sample(n, rng, context);
  for (Index c = 0; c < D; ++c) {
    const double width = model.grid[static_cast<std::size_t>(c)];
    if (width == 0) continue;
    real* const out = samples.mutable_data();
    for (Index i = 0; i < n; ++i)
      out[i * D + c] = static_cast<real>(std::floor(out[i * D + c] / width) * width);
  }
  return samples;
}

double rank(const TableModel& model, double log_p) {
  const auto ranks = model.ranks.values();
  const auto below = std::ranges::lower_bound(ranks, static_cast<real>(log_p)) - ranks.begin();
  return static_cast<double>(below) / static_cast<double>(std::max<std::size_t>(1, ranks.size()));
}

TensorFile file_of(const TableModel& model) {
  TensorFile file;
  for (const auto& [name, x] : tensors(model.flow)) file.tensors[kFlowPrefix + name] = x;
  file.tensors["ranks"] = model.ranks;
  Architecture architecture = model.architecture;
  file.metadata = texts_of(architecture.list());
  file.metadata["format"] = kTableFormat;
  file.metadata["columns"] = Json(model.columns).dump();
  file.metadata["conditions"] = to_json(model.conditions).dump();
  file.metadata["grid"] = Json(model.grid).dump();
  file.metadata["facts"] = to_json(model.facts).dump();
  return file;
}

void save_model(const std::filesystem::path& path, const TableModel& model) {
  save_tensors(path, file_of(model));
}

TableModel model_in(const TensorFile& file, const std::string& name) {
  try {
    if (text_of(file, "format") == kModelFormat) return from_experiment(file);
    return decode(file);
  } catch (const std::exception& error) {  // of JSON, or one of ours
    std::string reason = error.what();
    std::ranges::replace(reason, '\n', ' ');  // of a text of the file
    throw FileError(fmt::format("load: {}: not a model of a table: {:.200}", name, reason));
  }
}

TableModel load_model(const std::filesystem::path& path) {
  return model_in(load_tensors(path), path.string());
}

Flow load_flow(const std::filesystem::path& path) { return load_model(path).flow; }

std::string fit_json(const TableModel& model) {
  const Facts& facts = model.facts;
  const std::string& kind = model.architecture.kind;
  Json json{{"rows", facts.rows}, {"columns", model.columns}, {"model", kind}};
  const auto& reached = facts.on_test.empty() ? facts.on_validation : facts.on_test;
  const auto own = reached.find(kind);
  json["log_prob_test"] = own == reached.end() ? Json() : Json(own->second.value);
  json["se"] = own == reached.end() ? Json() : Json(own->second.error);
  json["baselines"] = Json::object();
  for (const char* baseline : {"gaussian", "mixture", "kde"})
    json["baselines"][baseline] =
        reached.contains(baseline) ? Json(reached.at(baseline).value) : Json();
  json["seconds"] = facts.seconds;
  json["hash"] = model.hash();
  json["given"] = to_json(model.conditions);
  json["dequantised"] = model.grid;
  json["facts"] = to_json(facts);
  return json.dump(2) + "\n";
}

}  // namespace gradflow
