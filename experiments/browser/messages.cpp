#include "experiments/browser/messages.h"

#include <cmath>
#include <cstring>

#include "experiments/data/catalogue.h"
#include "experiments/data/rings.h"
#include "tensor/kernels/arithmetic.h"

namespace gradflow {
namespace {

constexpr Index kPoints = 20'000;    // of a set of the library
constexpr Index kDensitySteps = 20;  // of Runge-Kutta's method, if a page says nothing else
constexpr Index kMostSteps = 1000, kMostPoints = 100'000;

Index whole(const Json& args, const char* name, Index otherwise, Index low, Index high) {
  const double value = args.value(name, static_cast<double>(otherwise));
  require<Error>(value >= static_cast<double>(low) && value <= static_cast<double>(high) &&
                     value == std::floor(value),
                 "{}: {} given; a whole number from {} to {}", name, value, low, high);
  return static_cast<Index>(value);
}

std::uint64_t seed_of(const Json& args, Index otherwise) {
  return static_cast<std::uint64_t>(whole(args, "seed", otherwise, 0, Index{1} << 31));
}

template <class Choice>
Choice one_of(const Json& args, const char* name,
              const std::vector<std::pair<const char*, Choice>>& choices) {
  const std::string given = args.value(name, std::string(choices.front().first));
  std::string all;
  for (const auto& [known, choice] : choices) {
    if (given == known) return choice;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", known);
  }
  throw Error(fmt::format("{}: \"{}\" given; one of {}", name, given, all));
}

const char* name_of(Which which) { return which == Which::flow ? "flow" : "matching"; }

Which which_of(const Json& args) {
  return one_of<Which>(args, "which", {{"flow", Which::flow}, {"matching", Which::matching}});
}

Solver solver_of(const Json& args) {
  const Tableau* tableau = one_of<const Tableau*>(
      args, "solver",
      {{"euler", &euler}, {"midpoint", &midpoint}, {"heun", &heun}, {"rk4", &runge_kutta4}});
  return {*tableau, whole(args, "steps", 50, 1, kMostSteps)};
}

Label label_of(const Lab& lab, const Json& args) {
  if (!args.contains("label") || args["label"].is_null()) return {};
  return whole(args, "label", 0, 0, std::max<Index>(0, lab.classes() - 1));
}

Tensor points_of(const Json& reference, const Arrays& arrays) {
  const std::span<const float> xy = arrays.at(reference);
  const Index n = std::ssize(xy) / 2;
  require<Error>(std::ssize(xy) == 2 * n && n >= 1 && n <= kMostPoints,
                 "points: {} numbers given; pairs, of 1 to {} points", xy.size(), kMostPoints);
  Tensor points({n, 2}, xy);
  require<Error>(all_finite(points), "points: one of them is not finite");
  return points;
}

Json array_of(const Tensor& x, Arrays& arrays) { return arrays.add(x.values()); }

Json states_of(const std::vector<Tensor>& states, Arrays& arrays) {
  std::vector<float> all;
  for (const Tensor& state : states)
    all.insert(all.end(), state.values().begin(), state.values().end());
  return arrays.add(all);
}

// --- data ---

// The least loss of flow matching, per coordinate, with independent pairs; where it is known.
Json matching_floor(const std::string& set) {
  if (set == "rings") return kFlowMatchingFloor;
  if (set == "rings_by_class") return kConditionalFlowMatchingFloor;
  return {};
}

Json sets(Lab&, const Json&, Arrays&) {
  Json list = Json::array();
  for (const Entry& entry : catalogue()) {
    if (!entry.copy_of.empty() && entry.name != "rings_by_class") continue;
    list.push_back({{"name", entry.name}, {"title", entry.about}});  // the rest once it is chosen
  }
  return list;
}

Json data(Lab& lab, const Json& args, Arrays& arrays) {
  std::optional<double> entropy;
  std::vector<std::string> names;  // of the classes
  if (args.contains("set")) {
    const DataSet set = data_set(args["set"].get<std::string>());
    Rng rng = Rng(seed_of(args, 0)).fork(1);
    lab.set_data(set.sample(kPoints, rng), std::ssize(set.classes));
    entropy = set.entropy;
    names = set.classes;
  } else {
    Data own{points_of(args.at("points"), arrays), {}};
    Index classes = 0;
    if (args.contains("labels") && !args["labels"].is_null()) {
      for (const float label : arrays.at(args["labels"])) {
        require<Error>(label >= 0 && label < 100 && label == std::floor(label),
                       "labels: {} given; whole numbers from 0 to 99", label);
        own.labels.push_back(static_cast<Index>(label));
        classes = std::max(classes, own.labels.back() + 1);
      }
      require<Error>(std::ssize(own.labels) == own.size(), "labels: {} given for {} points",
                     own.labels.size(), own.size());
    }
    for (Index k = 0; k < classes; ++k) names.push_back(fmt::format("{}", k));
    // With each stroke a drawing would have another mean and deviation, and move.
    lab.set_data(std::move(own), classes, !args.value("drawn", false));
  }
  const Tensor &mean = lab.units().mean(), &deviation = lab.units().deviation();
  std::vector<float> labels(lab.data().labels.begin(), lab.data().labels.end());
  // In the model's units the entropy is less by the logarithm of the deviations.
  const Json floor =
      entropy ? Json(*entropy - std::log(double{deviation.at({0})} * double{deviation.at({1})}))
              : Json();
  return {{"points", array_of(lab.data().points, arrays)},
          {"labels", labels.empty() ? Json() : arrays.add(labels)},
          {"mean", {mean.at({0}), mean.at({1})}},
          {"std", {deviation.at({0}), deviation.at({1})}},
          {"floor", floor},
          {"matching_floor", matching_floor(args.value("set", std::string()))},
          {"classes", names}};
}

// --- training ---

// The models that a question is about: one, or both.
std::span<const Which> models_of(const Json& args) {
  const std::span<const Which> both = kBoth;
  if (args.value("which", "both") == "both") return both;
  return both.subspan(which_of(args) == Which::flow ? 0 : 1, 1);
}

Index place_of(const Json& args, const char* name) { return whole(args, name, 0, 0, 99); }

// New models; or, of {"kept": {"flow": 3}}, the one that was put there.
Json reset(Lab& lab, const Json& args, Arrays& arrays) {
  LabOptions options;
  options.spline = one_of<bool>(args, "maps", {{"affine", false}, {"spline", true}});
  options.couplings = whole(args, "couplings", options.spline ? 6 : 15, 1, 64);
  options.optimal = one_of<bool>(args, "pairing", {{"independent", false}, {"optimal", true}});
  options.by_class = args.value("by_class", false);
  options.smooth = args.value("smooth", false);
  options.course = {.seed = seed_of(args, 0),
                    .batch = whole(args, "batch", 128, 1, 4096),
                    .steps = whole(args, "steps", 5000, 1, 10'000'000),
                    .rate = args.value("rate", 1e-3)};
  lab.reset(options, models_of(args));
  const Json kept = args.value("kept", Json::object());
  for (const Which which : models_of(args))
    if (kept.contains(name_of(which))) lab.take(which, place_of(kept, name_of(which)));
  Json told{{"points", kept.empty() ? Json() : array_of(lab.data().points, arrays)}};
  for (const Which which : kBoth)
    told[name_of(which)] = {{"parameters", lab.learner(which).count()}};
  return told;
}

Json keep(Lab& lab, const Json& args, Arrays&) {
  lab.keep(which_of(args), place_of(args, "place"));
  return Json::object();
}

Json progress_of_both(Lab& lab, const Json&, Arrays&) {
  return {{"flow", progress(lab, Which::flow)}, {"matching", progress(lab, Which::matching)}};
}

Json step(Lab& lab, const Json& args, Arrays& arrays) {
  const Index steps = whole(args, "steps", 1, 1, 100'000);
  for (Index i = 0; i < steps; ++i)
    for (const Which which : models_of(args)) lab.step(which);
  return progress_of_both(lab, args, arrays);
}

Json hash(Lab& lab, const Json&, Arrays&) {
  return {{"flow", lab.hash(Which::flow)},
          {"matching", lab.hash(Which::matching)},
          {"arithmetic", name_of(arithmetic())},
          {"steps",
           {{"flow", lab.learner(Which::flow).steps()},
            {"matching", lab.learner(Which::matching).steps()}}}};
}

// --- looking ---

Json samples(Lab& lab, const Json& args, Arrays& arrays) {
  const Which which = which_of(args);
  const Solver solver = solver_of(args);
  Rng rng = Rng(seed_of(args, 1)).fork(300);
  const Tensor noise = rng.normal({whole(args, "n", 1000, 1, kMostPoints), 2});
  const auto states = lab.carried(which, noise, Way::to_data, solver, label_of(lab, args));
  const Index K = std::ssize(states) - 1;
  const Index looks = which == Which::flow ? K : solver.steps * std::ssize(solver.tableau.nodes);
  return {{"states", states_of(states, arrays)}, {"K", K}, {"nfe", looks}};
}

Json carry(Lab& lab, const Json& args, Arrays& arrays) {
  const Way way = one_of<Way>(args, "to", {{"data", Way::to_data}, {"latent", Way::to_latent}});
  const auto states = lab.carried(which_of(args), points_of(args.at("points"), arrays), way,
                                  solver_of(args), label_of(lab, args));
  return {{"states", states_of(states, arrays)}, {"K", states.size() - 1}};
}

Json velocity(Lab& lab, const Json& args, Arrays& arrays) {
  const double t = args.value("t", 0.0);
  require<Error>(t >= 0 && t <= 1, "t: {} given; from 0 to 1", t);
  const Tensor points = points_of(args.at("points"), arrays);
  return {{"v", array_of(lab.velocity(points, static_cast<real>(t), label_of(lab, args)), arrays)}};
}

Json density(Lab& lab, const Json& args, Arrays& arrays) {
  const Index steps = whole(args, "steps", kDensitySteps, 1, kMostSteps);
  return {{"log_p", array_of(lab.log_density(which_of(args), points_of(args.at("points"), arrays),
                                             steps, label_of(lab, args)),
                             arrays)}};
}

// A point to the noise and back: how far from where it was does it end?
Json point(Lab& lab, const Json& args, Arrays& arrays) {
  const Solver solver = solver_of(args);
  const Label label = label_of(lab, args);
  const auto x = args.at("x").get<std::vector<float>>();
  require<Error>(x.size() == 2 && std::isfinite(x[0]) && std::isfinite(x[1]),
                 "x: two finite numbers are required");
  const Tensor at({1, 2}, x);
  Json result;
  for (const Which which : kBoth) {
    const auto states = lab.carried(which, at, Way::to_latent, solver, label);
    const Tensor back = lab.carried(which, states.back(), Way::to_data, solver, label).back();
    const double error =
        std::hypot(double{back.at({0, 0})} - double{x[0]}, double{back.at({0, 1})} - double{x[1]});
    const double log_p = double{lab.log_density(which, at, 50, label).at({0})};
    result[name_of(which)] = {
        {"states", states_of(states, arrays)}, {"log_p", log_p}, {"round_trip", error}};
  }
  return result;
}

Json solver_cost(Lab& lab, const Json& args, Arrays&) {
  const Lab::Cost cost = lab.cost(solver_of(args));
  return {{"nll", cost.exact},
          {"lost", cost.folded < 1 ? Json(cost.lost) : Json()},
          {"folded", cost.folded}};
}

Json pairing(Lab& lab, const Json&, Arrays& arrays) {
  Json result;
  for (const bool near : {false, true}) {
    const Lab::Pairs pairs = lab.pairs(near);
    result[near ? "optimal" : "independent"] = {{"x0", array_of(pairs.noise, arrays)},
                                                {"x1", array_of(pairs.points, arrays)}};
  }
  return result;
}

Json first_numbers(const Tensor& x) {
  const auto values = x.values();
  return std::vector<float>(values.begin(),
                            values.begin() + std::min<std::ptrdiff_t>(6, std::ssize(values)));
}

Json tape(Lab& lab, const Json& args, Arrays&) {
  Json nodes = Json::array();
  for (const Transcript::Node& node : lab.transcript(which_of(args)))
    nodes.push_back({{"id", nodes.size()},
                     {"name", node.op},
                     {"inputs", node.inputs},
                     {"shape", node.value.shape()},
                     {"value", first_numbers(node.value)},
                     {"gradient", node.gradient ? first_numbers(*node.gradient) : Json()},
                     {"parameter", node.parameter.empty() ? Json() : Json(node.parameter)}});
  return {{"nodes", nodes}};
}

// --- files ---

Json save(Lab& lab, const Json& args, Arrays& arrays) {
  // Bytes go as numbers, too: four to each.
  std::string bytes = lab.save(which_of(args));
  const std::size_t size = bytes.size();
  bytes.resize((size + 3) / 4 * 4);
  std::vector<float> numbers(bytes.size() / 4);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return {{"bytes", arrays.add(numbers)}, {"size", size}};
}

Json load(Lab& lab, const Json& args, Arrays& arrays) {
  const std::span<const float> numbers = arrays.at(args.at("bytes"));
  const Index size = whole(args, "size", 0, 0, std::ssize(numbers) * 4);
  const Which which = lab.load(
      std::string(reinterpret_cast<const char*>(numbers.data()), static_cast<std::size_t>(size)));
  const Texts& about = lab.about(which);
  const Architecture& made_of = lab.made_of(which);
  return {{"which", name_of(which)},
          {"model", about.at("model")},
          {"of_table", about.at("format") == kTableFormat},
          {"kind", made_of.kind},
          {"layers", made_of.layers},
          {"units", made_of.units},
          {"depth", made_of.depth},
          {"mean", lab.units().mean().values()},
          {"deviation", lab.units().deviation().values()},
          {"parameters", lab.learner(which).count()},
          {"steps", lab.learner(which).steps()},
          {"points", array_of(lab.data().points, arrays)}};
}

using Answer = Json (*)(Lab&, const Json&, Arrays&);
constexpr std::pair<const char*, Answer> kAnswers[] = {{"sets", sets},
                                                       {"data", data},
                                                       {"reset", reset},
                                                       {"keep", keep},
                                                       {"step", step},
                                                       {"progress", progress_of_both},
                                                       {"hash", hash},
                                                       {"samples", samples},
                                                       {"carry", carry},
                                                       {"velocity", velocity},
                                                       {"density", density},
                                                       {"point", point},
                                                       {"solver_cost", solver_cost},
                                                       {"tape", tape},
                                                       {"pairing", pairing},
                                                       {"save", save},
                                                       {"load", load}};

}  // namespace

std::span<const float> Arrays::at(const Json& reference) const {
  const std::size_t k =
      reference.is_object() ? reference.value("$array", given.size()) : given.size();
  require<Error>(k < given.size(), "an array of numbers is required");
  return given[k];
}

Json Arrays::add(std::span<const float> numbers) {
  result.emplace_back(numbers.begin(), numbers.end());
  return {{"$array", result.size() - 1}};
}

Json progress(const Lab& lab, Which which) {
  const Learner& learner = lab.learner(which);
  return {{"steps", learner.steps()},
          {"loss", learner.steps() > 0 ? Json(learner.loss()) : Json()},
          {"rate", learner.rate()}};
}

Json answer(Lab& lab, const std::string& call, const Json& args, Arrays& arrays) {
  for (const auto& [name, function] : kAnswers)
    if (call == name) return function(lab, args, arrays);
  throw Error(fmt::format("\"{}\": there is no such question", call));
}

}  // namespace gradflow
