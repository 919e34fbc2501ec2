#include "experiments/browser/lab.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/run/files/safetensors.h"
#include "experiments/run/history.h"
#include "flows/base/class_conditional.h"
#include "flows/matching/density.h"

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

void Lab::set_data(Data raw, Index classes) {
  require<Error>(raw.size() >= kFewest, "data: {} points given; at least {}", raw.size(), kFewest);
  const Standardize units = Standardize::of(raw.points);
  data_ = {units.to_latent(raw.points).points.value(), std::move(raw.labels)};
  units_ = units;
  classes_ = data_.labels.empty() ? 0 : classes;
  if (options_.by_class && ready() && matching_->classes->table.shape()[0] != classes_)
    options_.by_class = classes_ > 0, reset(options_);
}

void Lab::reset(const LabOptions& options) {
  require<Error>(data_.size() > 0, "reset: there is no data yet");
  require<Error>(!options.by_class || classes_ > 0, "reset: this data has no classes");
  options_ = options;
  const Index known = options.by_class ? classes_ : 0;
  flow_learner_.reset();
  matching_learner_.reset();
  Rng flow_rng(options.course.seed), matching_rng(options.course.seed);
  flow_ = std::make_unique<Flow>(make_flow(options, known, flow_rng));
  matching_ = std::make_unique<FlowMatching>(make_matching(options, known, matching_rng));
  Course flow_course = options.course;
  if (options.spline) flow_course.largest_gradient = kSplineGradient;
  flow_learner_ = std::make_unique<Learner>(
      parameters(*flow_),
      [this, known](const Data& batch, Rng&) {
        return -mean(flow_->log_prob(batch.points, class_context(batch.labels, known)));
      },
      flow_course);
  const Pairing pairing = pairing_of(options.optimal, options.by_class);
  matching_learner_ = std::make_unique<Learner>(
      parameters(*matching_),
      [this, known, pairing](const Data& batch, Rng& rng) {
        return matching_->loss(known ? batch : Data{batch.points, {}}, rng, straight, pairing);
      },
      options.course);
}

void Lab::check_ready() const { require<Error>(ready(), "there are no models yet; hint: reset"); }

Learner& Lab::own(Which which) const {
  check_ready();
  return which == Which::flow ? *flow_learner_ : *matching_learner_;
}
const Learner& Lab::learner(Which which) const { return own(which); }

void Lab::step(Which which) { own(which).step(data_); }

Labels Lab::labels(Index points, Label label) const {
  if (!options_.by_class) return {};
  Labels result(static_cast<std::size_t>(points));
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = label.value_or(static_cast<Index>(i) % classes_);
  return result;
}

Var Lab::flow_context(Index points, Label label) const {
  return class_context(labels(points, label), options_.by_class ? classes_ : 0);
}

// Layer 2 i of the chain is a coupling and layer 2 i + 1 exchanges the coordinates. `behind` says
// how many couplings are between a state and the data: so often is it exchanged on its way there.
std::vector<Tensor> Lab::carried(Which which, const Tensor& points, Way way, const Solver& solver,
                                 Label label) const {
  check_ready();
  const Unrecorded unrecorded;
  if (which == Which::matching)
    return matching_->carry_states(points, way == Way::to_data ? Span{0, 1} : Span{1, 0},
                                   labels(points.rows(), label), solver.tableau, solver.steps);
  const Chain& chain = *flow_->bijection.as<Chain>();
  const Index couplings = options_.couplings;
  const Tensor context = flow_context(points.rows(), label).value();
  const bool to_data = way == Way::to_data;
  const Tensor start = to_data && couplings % 2 == 1 ? exchanged(points) : points;
  const std::vector<Tensor> all =
      to_data ? chain.states_to_data(start, context) : chain.states_to_latent(start, context);
  std::vector<Tensor> seen;
  for (Index i = 0; i <= couplings; ++i) {
    const Index behind = to_data ? couplings - i : i;
    const Tensor& state = all[static_cast<std::size_t>(2 * i)];
    seen.push_back(behind % 2 == 1 ? exchanged(state) : state);
  }
  return seen;
}

Tensor Lab::velocity(const Tensor& points, real t, Label label) const {
  check_ready();
  const Unrecorded unrecorded;
  return matching_->velocity(points, Tensor({points.rows(), 1}, t), labels(points.rows(), label))
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
    double largest = -INFINITY, sum = 0;
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
      return flow_->log_prob(points, flow_context(points.rows(), k)).value();
    return log_prob(*matching_, points, labels(points.rows(), k), {.steps = steps});
  });
}

Lab::Cost Lab::cost(Index steps) const {
  check_ready();
  const Unrecorded unrecorded;
  const auto [points, labels] = first(kJudged, data_);
  const Labels known = options_.by_class ? labels : Labels();
  const Var context = matching_->context(points.rows(), known);
  Cost cost{-mean(Var(log_prob(*matching_, points, known))).item(), {}};
  try {
    cost.solver =
        -mean(Var(euler_log_prob(matching_->network.field(context), points, steps))).item();
  } catch (const NonFiniteError&) {  // it stays without
  }
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
  return own(which).transcript(data_);
}

std::string Lab::hash(Which which) const {
  check_ready();
  return hash_tensors(which == Which::flow ? tensors(*flow_) : tensors(*matching_));
}

namespace {

// As the experiments name their models.
const char* name_of(Which which, const LabOptions& options) {
  if (which == Which::flow) return options.spline ? "spline_flow" : "normalizing_flow";
  return options.by_class ? "conditional_flow_matching" : "flow_matching";
}

// What the experiments note of an epoch, of the first points: the laboratory keeps none apart.
Metrics flow_metrics(const Flow& flow, const Data& data) {
  const auto [points, labels] = first(kNoted, data);
  const Flow::LogProb parts = flow.log_prob_parts(points, class_context(labels, flow.context()));
  const double prior = mean(parts.prior).item(), log_det = mean(parts.log_det).item();
  return {{"validation_nll", -(prior + log_det)}, {"log_prior", prior}, {"log_det", log_det}};
}

}  // namespace

std::string Lab::save(Which which) const {
  const Learner& trained = learner(which);
  TensorFile file{which == Which::flow ? tensors(*flow_) : tensors(*matching_)};
  file.tensors["normalization.mean"] = units_->mean();
  file.tensors["normalization.deviation"] = units_->deviation();
  const Course& course = trained.course();
  const auto text = [](auto x) { return fmt::format("{}", x); };
  file.metadata = {{"format", "gradflow model 1"},
                   {"model", name_of(which, options_)},
                   {"seed", text(course.seed)},
                   {"epochs", "1"},
                   {"batch", text(course.batch)},
                   {"shards", "1"},
                   {"lr", text(course.rate)},
                   {"clip", text(course.largest_gradient)},
                   {"points", text(std::max<Index>(100, data_.size()))},
                   {"arithmetic", "portable"},
                   {"products", "ours"}};
  if (which == Which::flow && !options_.spline)
    file.metadata.insert(
        {{"scale_bound", "2"}, {"permutations", "alternate"}, {"zero_start", "yes"}});
  // An epoch, as far as the experiments are concerned.
  file.metadata["history"] = to_text(
      {.epochs = {{.number = 1,
                   .loss = trained.loss(),
                   .learning_rate = trained.rate(),
                   .metrics = which == Which::flow ? flow_metrics(*flow_, data_) : Metrics()}},
       .lengths = {1}});
  return encode_tensors(file);
}

Which Lab::load(const std::string& bytes) {
  require<Error>(ready(), "load: there are no models yet; hint: reset");
  TensorFile file = decode_tensors(bytes, "this file");
  NamedTensors all = file.all();
  const Which which = all.contains("network.0.weight") ? Which::matching : Which::flow;
  const auto mean = all.find("normalization.mean"), deviation = all.find("normalization.deviation");
  std::optional<Standardize> units;
  if (mean != all.end() && deviation != all.end()) {
    units = Standardize(mean->second, deviation->second);
    all.erase("normalization.mean");
    all.erase("normalization.deviation");
  }
  if (which == Which::flow)
    gradflow::load(*flow_, all);
  else
    gradflow::load(*matching_, all);
  if (units) {  // the model's coordinates are the page's from now on
    data_.points = units->to_latent(units_->to_data(data_.points).points).points.value();
    units_ = units;
  }
  return which;
}

}  // namespace gradflow
