#include "experiments/table/fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "experiments/metrics/kernel_density.h"
#include "experiments/run/clock.h"
#include "experiments/run/files/checkpoint.h"
#include "experiments/table/mixtures.h"
#include "flows/chain.h"
#include "flows/continuous.h"
#include "flows/matching/loss.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

constexpr Index kMostValidated = 20'000, kMostForMixtures = 20'000, kMostRanked = 10'000;
constexpr Index kMostIntegrated = 1'000;  // rows, where log p is an integral along a path
constexpr std::uint64_t kNoise = 1, kMixtures = 2, kWeights = 3;  // streams of random numbers

Tensor first_rows(const Tensor& rows, Index most) {
  return rows.rows(0, std::min(rows.rows(), most));
}

// The mean and deviation of the columns with uniform noise of these widths added.
Standardize units_of(const Tensor& rows, const std::vector<double>& grid) {
  const std::vector<ColumnStatistics> statistics = statistics_of(rows);
  const auto D = static_cast<Index>(grid.size());
  Tensor mean(Shape{D}), deviation(Shape{D});
  for (Index c = 0; c < D; ++c) {
    const ColumnStatistics& s = statistics[static_cast<std::size_t>(c)];
    const double width = grid[static_cast<std::size_t>(c)];
    mean.mutable_data()[c] = static_cast<real>(s.mean + width / 2);
    deviation.mutable_data()[c] =
        static_cast<real>(std::sqrt(s.deviation * s.deviation + width * width / 12));
  }
  return {mean, deviation};
}

// Best so far, and for how many epochs it has been.
struct Patience {
  Index allowed;
  double best = std::numeric_limits<double>::infinity();
  Index since = 0;

  void see(double loss) {
    since = loss < best ? 0 : since + 1;
    best = std::min(best, loss);
  }
  bool exhausted() const { return since >= allowed; }
};

struct Candidate {  // a model that has been fitted, and what it says of the validation rows
  std::string kind;
  Architecture architecture;
  Flow flow;
  std::vector<double> on_validation;
};

class Fit {
 public:
  Fit(const Split& parts, const FitOptions& options, const FitWatch& watch)
      : parts_(parts), options_(options), watch_(watch), began_(seconds_now()) {
    const Index G = std::ssize(options.given);
    D_ = std::ssize(parts.names) - G;
    require<FileError>(D_ >= 1, "fit: {} columns given, {} of them conditions; at least one other",
                       parts.names.size(), G);
    if (options_.grid.empty()) options_.grid.assign(static_cast<std::size_t>(D_), 0.0);
    conditions_ = conditions_of(parts, options.given);
    refuse_constant();
    choose_sizes();
  }

  TableModel run() {
    const std::vector<std::string> kinds = kinds_to_fit(options_.model);
    std::vector<Candidate> candidates;
    flows_left_ = std::ranges::count_if(kinds, [](const auto& kind) { return !is_mixture(kind); });
    for (const std::string& kind : kinds) {
      candidates.push_back(is_mixture(kind) ? mixture(kind) : flow(kind));
      facts_.on_validation[kind] = mean_of(candidates.back().on_validation);
      if (watch_.on_model) watch_.on_model(kind, facts_.on_validation[kind]);
      const bool wanted = options_.model == "auto" || options_.model == kind;
      if (must_stop() && wanted) break;  // what was asked for is there, if only begun
    }
    const std::span untried = std::span(kinds).subspan(candidates.size());
    if (!untried.empty()) {
      facts_.stopped = true;
      facts_.warnings.push_back(
          fmt::format("it ended before these could be tried: {}", fmt::join(untried, ", ")));
    }
    const auto best = std::ranges::max_element(candidates, {}, [&](const Candidate& c) {
      const bool wanted = options_.model == "auto" || options_.model == c.kind;
      return wanted ? facts_.on_validation.at(c.kind).value
                    : -std::numeric_limits<double>::infinity();
    });
    return finished(candidates, *best);
  }

 private:
  // What differs in few rows may be constant in those of the training part.
  void refuse_constant() const {
    Faults faults("fit");
    const std::vector<ColumnStatistics> statistics = statistics_of(parts_.training);
    for (std::size_t c = 0; c < statistics.size(); ++c) {
      const auto own = static_cast<std::size_t>(D_);
      const bool standardised =
          c < own ? options_.grid[c] == 0 : conditions_.columns[c - own].classes.empty();
      if (standardised && statistics[c].deviation == 0)
        faults.add(fmt::format("column \"{}\" is constant, {}, in all rows to train on",
                               parts_.names[c], statistics[c].low),
                   "leave it out with --except " + as_argument({parts_.names[c]}), parts_.names[c]);
    }
    faults.refuse();
  }

  // Small data, small networks; and as many steps as make sense for data of any size.
  void choose_sizes() {
    const Index N = parts_.training.rows();
    Architecture& a = options_.architecture;
    if (a.layers == 0) a.layers = N < 2000 ? 3 : 6;
    if (a.units == 0) a.units = N < 2000 ? std::max<Index>(32, D_) : std::max<Index>(64, 2 * D_);
    TrainingOptions& t = options_.training;
    if (t.batch == 0) t.batch = N < 20'000 ? 128 : 256;
    t.batch = std::min(t.batch, N);
    if (t.epochs == 0) t.epochs = std::clamp<Index>(20'000 / steps_in_epoch(N, t.batch), 5, 400);
  }

  Rng stream(std::uint64_t which) const { return Rng(options_.training.seed).fork(100 + which); }
  double seconds_left() const { return options_.seconds - (seconds_now() - began_); }
  bool must_stop() const { return (watch_.stop && watch_.stop->load()) || seconds_left() <= 0; }

  // The first columns of these rows, with noise where it is wanted; and what is given of them.
  Tensor points(const Tensor& rows, Rng& rng) const {
    const Tensor own = rows.shape()[1] == D_ ? rows : kernel::slice(rows, 1, 0, D_);
    return dequantised(own, options_.grid, rng);
  }
  Var given(const Tensor& rows) const {
    if (rows.shape()[1] == D_) return no_context;
    return conditions_.encode(kernel::slice(rows, 1, D_, rows.shape()[1]));
  }

  TableModel model(const Architecture& architecture, const Flow& flow) const {
    return {architecture,
            {parts_.names.begin(), parts_.names.begin() + D_},
            conditions_,
            options_.grid,
            flow};
  }
  // Of the same rows for all kinds, or of fewer where each is dear.
  std::vector<double> scores(const Architecture& architecture, const Flow& flow,
                             const Tensor& rows) const {
    const Index most = architecture.kind == "flow-matching" ? kMostIntegrated : kMostValidated;
    return log_prob(model(architecture, flow), first_rows(rows, most), stream(kNoise));
  }

  Candidate mixture(const std::string& kind) {
    Rng noise = stream(kNoise);
    const Standardize units = units_of(parts_.training, options_.grid);
    const auto latent = [&](const Tensor& rows) {
      return units.to_latent(points(rows, noise), no_context, LogDet::no).points.value();
    };
    const Tensor rows = first_rows(parts_.training, kMostForMixtures),
                 held_out = first_rows(parts_.validation, kMostValidated);
    const Tensor x = latent(rows), c = given(rows).value();
    Architecture architecture = options_.architecture;
    architecture.kind = kind;
    architecture.components = 1;
    MixtureBase base = fit_mixtures(x, c, conditions_, {.floor = 1e-6}, stream(kMixtures));
    if (kind == "mixture") {
      ChosenMixture chosen = choose_mixture(
          x, c, latent(held_out), given(held_out).value(), conditions_, stream(kMixtures),
          [this] { return must_stop() || seconds_now() - began_ > options_.seconds / 4; });
      base = std::move(chosen.base);
      architecture.components = chosen.components;
    }
    Flow flow(Chain{units}, std::move(base));
    std::vector<double> on_validation = scores(architecture, flow, parts_.validation);
    return {kind, architecture, std::move(flow), std::move(on_validation)};
  }

  Candidate flow(const std::string& kind) {
    Architecture architecture = options_.architecture;
    architecture.kind = kind;
    Rng rng = stream(kWeights);
    Flow made = make_flow(architecture, units_of(parts_.training, options_.grid), conditions_, rng);
    train_flow(architecture, made);
    --flows_left_;
    std::vector<double> on_validation = scores(architecture, made, parts_.validation);
    return {kind, architecture, std::move(made), std::move(on_validation)};
  }

  // Negative log-likelihood; or how far a velocity is from that of straight paths.
  Loss loss_of(const Architecture& architecture, const Flow& flow) const {
    if (architecture.kind != "flow-matching")
      return [this, &flow](const Data& batch, Rng& rng) {
        return -mean(flow.log_prob(points(batch.points, rng), given(batch.points)));
      };
    const Chain& chain = *flow.bijection.as<Chain>();
    return [this, &network = chain[0].as<Continuous>()->network(),
            &units = *chain[1].as<Standardize>()](const Data& batch, Rng& rng) {
      const Var x = units.to_latent(points(batch.points, rng), no_context, LogDet::no).points;
      return matching_loss(network.field(given(batch.points)), {x.value(), {}}, rng);
    };
  }

  // On the validation part, in batches; the same random numbers each time.
  double validated(const Loss& loss) const {
    const Tensor rows = first_rows(parts_.validation, kMostValidated);
    constexpr Index kBatch = 512;
    const Index batches = (rows.rows() + kBatch - 1) / kBatch;
    std::vector<double> sums(static_cast<std::size_t>(batches));
    parallel_for(batches, [&](Index b) {
      const Unrecorded unrecorded;
      Rng rng = stream(kNoise).fork(static_cast<std::uint64_t>(b));
      const Tensor part = rows.rows(b * kBatch, std::min(rows.rows(), (b + 1) * kBatch));
      sums[static_cast<std::size_t>(b)] =
          loss({part, {}}, rng).item() * static_cast<double>(part.rows());
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total / static_cast<double>(rows.rows());
  }

  // As many epochs as there is time for, by the speed of some steps of a copy.
  Index epochs_in_time(const Architecture& architecture, Flow copy) const {
    const TrainingOptions& t = options_.training;
    if (!std::isfinite(options_.seconds)) return t.epochs;
    std::atomic<bool> stop = false;
    const double until = seconds_now() + std::min(2.0, 0.05 * seconds_left());
    TrainingHooks hooks;
    hooks.stop = &stop;
    hooks.on_step = [&](const Progress&) { stop = seconds_now() > until; };
    Weights weights(parameters(copy));
    const TrainingResult probe =
        train(weights, loss_of(architecture, copy), {parts_.training, {}}, t, hooks);
    const double share = seconds_left() / static_cast<double>(std::max<Index>(1, flows_left_));
    const auto steps = static_cast<Index>(0.85 * share * probe.steps_per_second);
    return std::clamp<Index>(steps / steps_in_epoch(parts_.training.rows(), t.batch), 1, t.epochs);
  }

  void train_flow(const Architecture& architecture, Flow& flow) {
    const std::string& kind = architecture.kind;
    const Loss loss = loss_of(architecture, flow);
    TrainingOptions training = options_.training;
    training.epochs = epochs_in_time(architecture, flow);
    const double until =
        seconds_now() + seconds_left() / static_cast<double>(std::max<Index>(1, flows_left_));
    Patience patience{options_.patience > 0 ? options_.patience
                                            : std::max<Index>(20, training.epochs / 3)};
    NamedTensors best;
    std::atomic<bool> stop = false;
    TrainingHooks hooks;
    hooks.stop = &stop;
    hooks.validate = [&] {
      const double now_reached = validated(loss);
      if (now_reached < patience.best) {
        best = trained_tensors(flow);
        save_best(kind, best, now_reached, "");
      }
      return Metrics{{"validation", now_reached}};
    };
    hooks.on_epoch = [&](const Epoch& epoch) {
      patience.see(epoch.metrics.at("validation"));
      if (patience.exhausted()) stop = true;
    };
    hooks.on_step = [&](const Progress& progress) {
      if (must_stop() || seconds_now() > until) stop = true;
      if (watch_.on_step) watch_.on_step(kind, progress, patience.best);
    };
    const Texts made_of = watch_.directory.empty() ? Texts{} : identity(architecture);
    const std::string plan = plan_of(training, made_of);
    if (ended_before(kind, plan, flow)) return;
    if (watch_.resume) best = saved_best(kind).tensors;
    if (!watch_.directory.empty())
      keep_checkpoints(hooks, parameters(flow), checkpoint(kind), watch_.resume,
                       identity_of(training, parts_.training.rows(), made_of, fixed_tensors(flow)));
    Weights weights(parameters(flow));
    const TrainingResult result = train(weights, loss, {parts_.training, {}}, training, hooks);
    facts_.histories[kind] = {
        result.epochs, result.lengths, result.seconds, result.steps_per_second, {}};
    if (result.epochs.empty()) facts_.histories.erase(kind);
    if (!best.empty()) assign(parameters(flow), best);
    facts_.stopped |= result.stopped && !patience.exhausted();
    if (!result.stopped || patience.exhausted())
      save_best(kind, trained_tensors(flow), patience.best, plan);
  }

  // --- what is kept to go on ---

  fs::path checkpoint(const std::string& kind) const {
    return watch_.directory / (kind + ".checkpoint.safetensors");
  }
  fs::path best_file(const std::string& kind) const {
    return watch_.directory / (kind + ".best.safetensors");
  }
  Texts identity(Architecture architecture) const {
    Texts texts = texts_of(architecture.list());
    texts["table"] = hash_tensors({{"rows", parts_.training}});
    texts["columns"] = fmt::format("{}", fmt::join(parts_.names, ","));
    texts["grid"] = fmt::format("{}", fmt::join(options_.grid, " "));
    return texts;
  }
  // All that decides what a training comes to.
  std::string plan_of(TrainingOptions training, const Texts& made_of) const {
    std::string plan = fmt::format("patience {}", options_.patience);
    for (const Texts& texts : {texts_of(settings_of(training)), made_of})
      for (const auto& [name, value] : texts) plan += fmt::format("; {} {}", name, value);
    return plan;
  }
  // `plan`: what has been carried out, if this is the end.
  void save_best(const std::string& kind, const NamedTensors& best, double loss,
                 const std::string& plan) const {
    if (watch_.directory.empty()) return;
    TensorFile file{best, {{"validation", fmt::format("{:.17g}", loss)}, {"plan", plan}}};
    if (facts_.histories.contains(kind))
      file.metadata["history"] = to_text(facts_.histories.at(kind));
    save_tensors(best_file(kind), file);
  }
  TensorFile saved_best(const std::string& kind) const {
    return fs::exists(best_file(kind)) ? load_tensors(best_file(kind)) : TensorFile{};
  }
  // Whether this very plan has been carried out before; the flow is then what came of it.
  bool ended_before(const std::string& kind, const std::string& plan, Flow& flow) {
    if (!watch_.resume) return false;
    TensorFile file = saved_best(kind);
    if (file.metadata["plan"] != plan) return false;
    assign(parameters(flow), file.all());
    if (file.metadata.contains("history"))
      facts_.histories[kind] = history_from(file.metadata["history"]);
    return true;
  }

  // --- the end ---

  TableModel finished(const std::vector<Candidate>& candidates, const Candidate& best) {
    TableModel result = model(best.architecture, best.flow);
    facts_.training = parts_.training.rows();
    facts_.validation = parts_.validation.rows();
    facts_.test = parts_.test.rows();
    facts_.rows = facts_.training + facts_.validation + facts_.test;
    facts_.seed = options_.training.seed;
    if (facts_.test > 0)
      for (const Candidate& c : candidates)
        facts_.on_test[c.kind] = mean_of(scores(c.architecture, c.flow, parts_.test));
    if (facts_.test > 0 && options_.given.empty()) facts_.on_test["kde"] = kernel_density();
    compare(candidates, best);
    if (!std::isfinite(facts_.on_validation.at(best.kind).value))
      facts_.warnings.push_back(
          "all models hold a row of the validation part for impossible, so that none could be "
          "chosen; leave out what lies far from all other rows");
    std::vector<double> ranks = log_prob(result, ranked_rows(best.kind), stream(kNoise));
    std::ranges::sort(ranks);
    result.ranks = Tensor(Shape{std::ssize(ranks)});
    std::ranges::copy(ranks, result.ranks.mutable_data());
    facts_.seconds = seconds_now() - began_;
    result.facts = std::move(facts_);
    return result;
  }
  // With the best of the other sort: simple models for a flow, flows for a simple model.
  void compare(const std::vector<Candidate>& candidates, const Candidate& best) {
    const Candidate* other = nullptr;
    for (const Candidate& c : candidates)
      if (is_mixture(c.kind) != is_mixture(best.kind) &&
          (!other ||
           facts_.on_validation.at(c.kind).value > facts_.on_validation.at(other->kind).value))
        other = &c;
    if (!other) return;
    const Estimate gain = difference(best.on_validation, other->on_validation);
    if (!std::isfinite(gain.value)) return;  // of rows that one of them holds for impossible
    facts_.gain = gain;
    facts_.gain_over = other->kind;
  }
  Tensor ranked_rows(const std::string& kind) const {
    return first_rows(parts_.training, kind == "flow-matching" ? kMostIntegrated : kMostRanked);
  }
  Estimate kernel_density() const {
    Rng noise = stream(kNoise);
    const Standardize units = units_of(parts_.training, options_.grid);
    const auto latent = [&](const Tensor& rows, Index most) {
      return units.to_latent(points(first_rows(rows, most), noise), no_context, LogDet::no)
          .points.value();
    };
    const Tensor centres = latent(parts_.training, 5000);
    const double width = choose_width(centres, latent(parts_.validation, 1000));
    std::vector<double> log_p = kernel_log_density(centres, width, latent(parts_.test, 2000));
    const double volume = sum(log(Var(units.deviation()))).item();
    for (double& x : log_p) x -= volume;
    return mean_of(log_p);
  }

  const Split& parts_;
  FitOptions options_;
  const FitWatch& watch_;
  const double began_;
  Index D_ = 0, flows_left_ = 0;
  Conditions conditions_;
  Facts facts_;
};

}  // namespace

std::vector<std::string> kinds_to_fit(const std::string& model) {
  if (model == "auto") return {"gaussian", "mixture", "maf", "spline"};
  require<FileError>(std::ranges::find(kKinds, model) != kKinds.end(),
                     "fit: a model \"{}\" given; auto or one of: {}", model,
                     fmt::format("{}", fmt::join(kKinds, ", ")));
  if (model == "gaussian") return {"gaussian"};
  if (model == "mixture") return {"gaussian", "mixture"};
  return {"gaussian", "mixture", model};
}

Estimate difference(const std::vector<double>& log_p, const std::vector<double>& other) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < std::min(log_p.size(), other.size()); ++i)
    differences.push_back(log_p[i] - other[i]);
  return mean_of(differences);
}

TableModel fit(const Split& parts, const FitOptions& options, const FitWatch& watch) {
  return Fit(parts, options, watch).run();
}

}  // namespace gradflow
