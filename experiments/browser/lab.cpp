#include "experiments/browser/lab.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <nlohmann/json.hpp>

#include "experiments/run/history.h"
#include "flows/base/class_conditional.h"
#include "flows/linear/permutation.h"
#include "flows/matching/density.h"
#include "flows/recipes.h"

namespace gradflow {
namespace {

constexpr Index kFewest = 64;        // points of a data set
constexpr Index kJudged = 500;       // of the data, that costs are measured on
constexpr Index kNoted = 2000;       // that the losses of a flow are measured on, to be saved
constexpr real kSplineGradient = 5;  // the longest gradient of a flow with splines

Flow make_flow(const LabOptions& options, Index context, Rng& rng) {
  FlowOptions flow{.layers = options.couplings, .network = {.context = context}};
  if (!options.spline) return real_nvp(2, flow, rng);
  flow.network.hidden = {64, 64};
  flow.spline.bins = 32;
  return spline_coupling(2, flow, rng);
}

FlowMatching make_matching(const LabOptions& options, Index classes, Rng& rng) {
  return {2,
          {.classes = classes,
           .activation = options.smooth ? activations::silu : activations::leaky_relu},
          rng};
}

Pairing pairing_of(bool optimally, bool by_class) {
  return !optimally ? Pairing(independent) : by_class ? optimal_within_classes : optimal;
}

// The first points, and their labels.
Data first(Index count, const Data& data) {
  std::vector<Index> rows(static_cast<std::size_t>(std::min(count, data.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  return data.rows(rows);
}

// The coordinates of each point exchanged.
Tensor exchanged(const Tensor& points) {
  Tensor result(points.shape());
  real* out = result.mutable_data();
  for (Index i = 0; i < points.rows(); ++i) {
    out[2 * i] = points.data()[2 * i + 1];
    out[2 * i + 1] = points.data()[2 * i];
  }
  return result;
}

}  // namespace

void Lab::set_data(Data raw, Index classes, bool standardised) {
  require<Error>(raw.size() >= kFewest, "data: {} points given; at least {}", raw.size(), kFewest);
  const Standardize units = standardised ? Standardize::of(raw.points)
                                         : Standardize(Tensor({2}, real{0}), Tensor({2}, real{1}));
  data_ = {units.to_latent(raw.points).points.value(), std::move(raw.labels)};
  units_ = units;
  classes_ = data_.labels.empty() ? 0 : classes;
  if (options_.by_class && ready() && matching_.matching->classes->table.shape()[0] != classes_)
    options_.by_class = classes_ > 0, reset(options_);
}

void Lab::reset(const LabOptions& options, std::span<const Which> models) {
  require<Error>(data_.size() > 0, "reset: there is no data yet");
  require<Error>(!options.by_class || classes_ > 0, "reset: this data has no classes");
  require<Error>(models.size() == 2 || (ready() && options.by_class == options_.by_class),
                 "reset: one model alone; both, where there are none or classes are told anew");
  options_ = options;
  for (const Which which : models) renew(which);
}

void Lab::renew(Which which) {
  Rng rng(options_.course.seed);
  Own& mine = own(which) = {.about = about_new(which)};
  if (which == Which::flow) {
    mine.flow = std::make_shared<Flow>(make_flow(options_, told(), rng));
    mine.made_of = {.kind = options_.spline ? "spline" : "affine", .layers = options_.couplings};
  } else {
    mine.matching = std::make_shared<FlowMatching>(make_matching(options_, told(), rng));
    mine.made_of = {.kind = "flow-matching"};
  }
  begin(which);
}

// What a loss refers to lives as long as it does: a model that is kept may be trained further.
void Lab::begin(Which which) {
  const Index known = told();
  Course course = options_.course;
  Own& mine = own(which);
  if (which == Which::flow) {
    if (mine.about.at("model").ends_with("spline_flow")) course.largest_gradient = kSplineGradient;
    mine.learner = std::make_shared<Learner>(
        parameters(*mine.flow),
        [flow = mine.flow, known](const Data& batch, Rng&) {
          return -mean(flow->log_prob(batch.points, class_context(batch.labels, known)));
        },
        course);
    return;
  }
  const Pairing pairing = pairing_of(options_.optimal, options_.by_class);
  mine.learner = std::make_shared<Learner>(
      parameters(*mine.matching),
      [matching = mine.matching, known, pairing](const Data& batch, Rng& rng) {
        return matching->loss(known ? batch : Data{batch.points, {}}, rng, straight, pairing);
      },
      course);
}

void Lab::keep(Which which, Index place) {
  check_ready();
  kept_.insert_or_assign({which, place}, Kept{own(which), *units_, told()});
}

void Lab::take(Which which, Index place) {
  check_ready();
  const auto found = kept_.find({which, place});
  require<Error>(found != kept_.end(), "take: no model is kept in place {}", place);
  const Kept& kept = found->second;
  require<Error>(kept.told == told(), "take: it is told one of {} classes, the data has {}",
                 kept.told, told());
  own(which) = kept.own;
  see_data_in(kept.units);
}

// A model's coordinates are the page's from now on.
void Lab::see_data_in(const Standardize& units) {
  const auto same = [](const Tensor& a, const Tensor& b) {
    return std::equal(a.values().begin(), a.values().end(), b.values().begin());
  };
  if (same(units.mean(), units_->mean()) && same(units.deviation(), units_->deviation())) return;
  data_.points = units.to_latent(units_->to_data(data_.points).points).points.value();
  units_ = units;
}

void Lab::check_ready() const { require<Error>(ready(), "there are no models yet; hint: reset"); }

const Learner& Lab::learner(Which which) const {
  check_ready();
  return *own(which).learner;
}

void Lab::step(Which which) {
  check_ready();
  own(which).learner->step(data_);
}

Labels Lab::labels(Index points, Label label) const {
  if (!options_.by_class) return {};
  Labels result(static_cast<std::size_t>(points));
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = label.value_or(static_cast<Index>(i) % classes_);
  return result;
}

Var Lab::flow_context(Index points, Label label) const {
  return class_context(labels(points, label), told());
}

// A permutation moves nothing: what is shown is the states between the other layers, each as the
// permutations between it and the data leave it. In the plane these are exchanges of the two
// coordinates, so it matters only whether their number is odd.
std::vector<Tensor> Lab::carried(Which which, const Tensor& points, Way way, const Solver& solver,
                                 Label label) const {
  check_ready();
  const Unrecorded unrecorded;
  if (which == Which::matching)
    return matching_.matching->carry_states(points, way == Way::to_data ? Span{0, 1} : Span{1, 0},
                                            labels(points.rows(), label), solver.tableau,
                                            solver.steps);
  const Chain& chain = *flow_.flow->bijection.as<Chain>();
  const Index n = chain.size();
  std::vector<bool> turned(static_cast<std::size_t>(n) + 1, false);  // before each layer
  for (Index i = n; i-- > 0;) {
    const auto* permutation = chain[i].as<Permutation>();
    const bool exchanges = permutation && permutation->order()[0] == 1;
    turned[static_cast<std::size_t>(i)] = turned[static_cast<std::size_t>(i) + 1] != exchanges;
  }
  const Tensor context = flow_context(points.rows(), label).value();
  const bool to_data = way == Way::to_data;
  const Tensor start = to_data && turned[0] ? exchanged(points) : points;
  const std::vector<Tensor> all =
      to_data ? chain.states_to_data(start, context) : chain.states_to_latent(start, context);
  std::vector<Tensor> seen;
  for (Index i = 0; i <= n; ++i) {
    const Index at = to_data ? i : n - i;  // how many layers are between it and the noise
    if (i > 0 && chain[to_data ? at - 1 : at].as<Permutation>()) continue;
    const Tensor& state = all[static_cast<std::size_t>(i)];
    seen.push_back(turned[static_cast<std::size_t>(at)] ? exchanged(state) : state);
  }
  return seen;
}

Tensor Lab::velocity(const Tensor& points, real t, Label label) const {
  check_ready();
  const Unrecorded unrecorded;
  return matching_.matching
      ->velocity(points, Tensor({points.rows(), 1}, t), labels(points.rows(), label))
      .value();
}

// log_p of a class; of a mixture of all of them in equal shares, where none is asked for:
// log mean exp log_p.
template <class F>
Tensor Lab::mixed(Label label, const F& log_p) const {
  if (!options_.by_class || label) return log_p(label);
  std::vector<Tensor> parts;
  for (Index k = 0; k < classes_; ++k) parts.push_back(log_p(Label(k)));
  Tensor result(parts[0].shape());
  real* out = result.mutable_data();
  for (Index i = 0; i < result.size(); ++i) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const Tensor& part : parts) largest = std::max(largest, double{part.data()[i]});
    for (const Tensor& part : parts) sum += std::exp(double{part.data()[i]} - largest);
    out[i] = static_cast<real>(largest + std::log(sum / static_cast<double>(classes_)));
  }
  return result;
}

Tensor Lab::log_density(Which which, const Tensor& points, Index steps, Label label) const {
  check_ready();
  const Unrecorded unrecorded;
  return mixed(label, [&](Label k) {
    if (which == Which::flow)
      return flow_.flow->log_prob(points, flow_context(points.rows(), k)).value();
    return log_prob(*matching_.matching, points, labels(points.rows(), k), {.steps = steps});
  });
}

Lab::Cost Lab::cost(const Solver& solver) const {
  check_ready();
  const Unrecorded unrecorded;
  const auto [points, labels] = first(kJudged, data_);
  const Labels known = options_.by_class ? labels : Labels();
  const Field field =
      matching_.matching->network.field(matching_.matching->context(points.rows(), known));
  const Tensor exact = log_prob(*matching_.matching, points, known);
  const Tensor solved = solver_log_prob(field, points, solver.tableau, solver.steps);
  Cost cost{.exact = -double{mean(exact).item()}, .lost = 0, .folded = 0};
  double finite = 0;
  for (Index i = 0; i < points.rows(); ++i) {
    if (!std::isfinite(solved.data()[i])) continue;
    cost.lost += double{exact.data()[i]} - double{solved.data()[i]};
    ++finite;
  }
  cost.folded = 1 - finite / static_cast<double>(points.rows());
  if (finite > 0) cost.lost /= finite;
  return cost;
}

Lab::Pairs Lab::pairs(bool near) const {
  check_ready();
  const Course& course = options_.course;
  Rng rng = Rng(course.seed).fork(1000);
  const Data batch = data_.rows(rng.integers(data_.size(), course.batch));
  const Tensor noise = rng.normal(batch.points.shape());
  return {pairing_of(near, options_.by_class)(noise, batch, rng), batch.points};
}

std::vector<Transcript::Node> Lab::transcript(Which which) const {
  check_ready();
  return own(which).learner->transcript(data_);
}

// As the native program says it: an experiment of what is trained, `gradflow` of all its tensors.
std::string Lab::hash(Which which) const {
  check_ready();
  if (own(which).about.at("format") == kTableFormat)
    return hash_tensors(tensors(flow_of(as_saved(which))));
  return hash_tensors(which == Which::flow ? trained_tensors(*flow_.flow)
                                           : trained_tensors(*matching_.matching));
}

PlaneModel Lab::as_saved(Which which) const {
  const Own& mine = own(which);
  PlaneModel model{
      .about = mine.about, .made_of = mine.made_of, .units = *units_, .ranks = mine.ranks};
  if (which == Which::flow)
    model.flow = *mine.flow;
  else
    model.matching = *mine.matching;
  return model;
}

namespace {

// What the experiments note of an epoch, of the first points: the laboratory keeps none apart.
Metrics flow_metrics(const Flow& flow, const Data& data) {
  const auto [points, labels] = first(kNoted, data);
  const Flow::LogProb parts = flow.log_prob_parts(points, class_context(labels, flow.context()));
  const double prior = mean(parts.prior).item(), log_det = mean(parts.log_det).item();
  return {{"validation_nll", -(prior + log_det)}, {"log_prior", prior}, {"log_det", log_det}};
}

}  // namespace

// As the experiments name their models, and their settings.
Texts Lab::about_new(Which which) const {
  const LabOptions& o = options_;
  std::string name = which == Which::flow ? (o.spline ? "spline_flow" : "normalizing_flow")
                                          : (o.smooth ? "smooth_flow_matching" : "flow_matching");
  if (o.by_class) name = "conditional_" + name;
  Texts about{{"format", kModelFormat}, {"model", name}};
  if (name.ends_with("normalizing_flow"))
    about.insert({{"scale_bound", "2"}, {"permutations", "alternate"}, {"zero_start", "yes"}});
  if (which == Which::matching && o.smooth)
    about.insert(
        {{"width", "64"}, {"waves", "0"}, {"octaves", "0"}, {"solver_steps", "30"}, {"late", "1"}});
  return about;
}

namespace {

// What is to be known of a training in the page: an epoch, as far as the experiments are concerned.
void note_training(Texts& about, const Learner& trained, Index points, const Metrics& metrics) {
  const Course& course = trained.course();
  const auto text = [](auto x) { return fmt::format("{}", x); };
  const Texts noted{{"seed", text(course.seed)},
                    {"epochs", "1"},
                    {"batch", text(course.batch)},
                    {"shards", "1"},
                    {"lr", text(course.rate)},
                    {"clip", text(course.largest_gradient)},
                    {"points", text(std::max<Index>(100, points))},
                    {"arithmetic", "portable"},
                    {"products", "ours"}};
  for (const auto& [name, value] : noted) about[name] = value;
  about["history"] = to_text({.epochs = {{.number = 1,
                                          .loss = trained.loss(),
                                          .learning_rate = trained.rate(),
                                          .metrics = metrics}},
                              .lengths = {1}});
}

// The same of a model of a table, whose facts are otherwise those of its fit.
void warn_of_training(Texts& about, Index steps) {
  auto facts = nlohmann::json::parse(about.at("facts"));
  facts["warnings"].push_back(fmt::format(
      "trained for {} steps more in the page: what is said of validation and test is of before",
      steps));
  about["facts"] = facts.dump();
}

}  // namespace

// What was loaded and not trained since is saved as it was.
std::string Lab::save(Which which) const {
  const Learner& trained = learner(which);
  PlaneModel model = as_saved(which);
  const bool of_table = model.about.at("format") == kTableFormat;
  if (of_table && trained.steps() > 0) {
    model.ranks = ranks_of(flow_of(model));
    warn_of_training(model.about, trained.steps());
  }
  if (!of_table && (trained.steps() > 0 || !model.about.contains("history")))
    note_training(model.about, trained, data_.size(),
                  which == Which::flow ? flow_metrics(*flow_.flow, data_) : Metrics());
  return encode_tensors(file_of(model));
}

const Texts& Lab::about(Which which) const { return own(which).about; }
const Architecture& Lab::made_of(Which which) const { return own(which).made_of; }

Which Lab::load(const std::string& bytes) {
  require<Error>(ready(), "load: there are no models yet; hint: reset");
  PlaneModel model = plane_model_in(decode_tensors(bytes, "this file"));
  const Index known = told();
  require<Error>(model.classes == known,
                 "it is told {}, and the models of this page {}; hint: have the page learn {}",
                 model.classes ? fmt::format("one of {} classes", model.classes) : "no class",
                 known ? fmt::format("one of {}", known) : "none",
                 model.classes ? "classes of as many, on such data" : "no classes");
  const Which which = model.flow ? Which::flow : Which::matching;
  own(which) = {.about = std::move(model.about), .made_of = model.made_of, .ranks = model.ranks};
  if (model.flow)
    flow_.flow = std::make_shared<Flow>(std::move(*model.flow));
  else
    matching_.matching = std::make_shared<FlowMatching>(std::move(*model.matching));
  begin(which);
  see_data_in(model.units);
  return which;
}

}  // namespace gradflow
