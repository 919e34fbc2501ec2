#include "nn/training.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <span>

#include "tensor/math.h"
#include "tensor/parallel.h"

namespace gradflow {
namespace {

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

void check_options(const Data& data, const TrainingOptions& options) {
  require<ShapeError>(data.points.rank() == 2 && data.size() > 0,
                      "train: points {} given; (N, D) with N > 0 is required", data.points.shape());
  require<ShapeError>(data.labels.empty() || std::ssize(data.labels) == data.size(),
                      "train: {} labels for {} points given; one for each, or none",
                      data.labels.size(), data.size());
  require<ShapeError>(options.epochs >= 1, "train: {} epochs given; at least 1", options.epochs);
  require<ShapeError>(options.batch >= 1, "train: a batch of {} given; at least 1", options.batch);
  require<ShapeError>(options.shards >= 1, "train: {} shards given; at least 1", options.shards);
  require<ShapeError>(options.learning_rate >= 0 && std::isfinite(options.learning_rate),
                      "train: a learning rate of {} given; 0 or more", options.learning_rate);
  require<ShapeError>(options.largest_gradient > 0,
                      "train: a largest gradient of {} given; more than 0",
                      options.largest_gradient);
}

// One run of train().
class Trainer {
 public:
  Trainer(const Parameters& parameters, const Loss& loss, const Data& data,
          const TrainingOptions& options, const TrainingHooks& hooks)
      : loss_(loss),
        data_(data),
        options_(options),
        hooks_(hooks),
        optimizer_(parameters),
        steps_(steps_in_epoch(data.size(), options.batch)),
        shards_(static_cast<std::size_t>(std::min(options.shards, options.batch))) {}

  TrainingResult run() {
    if (hooks_.restore) state_ = hooks_.restore(optimizer_);
    if (hooks_.on_epoch)
      for (const Epoch& epoch : state_.epochs) hooks_.on_epoch(epoch);
    began_ = seconds_now();
    with_team(std::ssize(shards_), [this] {
      while (std::ssize(state_.epochs) < options_.epochs && !stopped_) run_epoch();
    });
    if (stopped_ && hooks_.save) hooks_.save(optimizer_, state_);
    TrainingResult result{state_.epochs, stopped_, state_.seconds, 0};
    for (const Epoch& epoch : state_.epochs) result.seconds += epoch.seconds;
    const Index steps = std::ssize(state_.epochs) * steps_ + state_.step;
    if (result.seconds > 0) result.steps_per_second = static_cast<double>(steps) / result.seconds;
    return result;
  }

 private:
  void run_epoch() {
    const double began = seconds_now() - state_.seconds;
    const Index finished = std::ssize(state_.epochs);
    const Rng rng = Rng(options_.seed).fork(static_cast<std::uint64_t>(finished));
    const std::vector<Index> order = Rng(rng).permutation(data_.size());
    optimizer_.learning_rate = cosine_schedule(options_.learning_rate, options_.epochs)(finished);
    while (state_.step < steps_) {
      run_step(order, rng.fork(static_cast<std::uint64_t>(state_.step)));
      ++state_.step;
      ++steps_run_;
      if (hooks_.on_step) hooks_.on_step(progress());
      if (hooks_.stop && hooks_.stop->load()) {
        stopped_ = true;
        state_.seconds = seconds_now() - began;
        return;
      }
    }
    Epoch epoch{finished + 1,
                state_.loss_sum / static_cast<double>(data_.size()),
                optimizer_.learning_rate,
                0,
                {}};
    if (hooks_.validate) epoch.metrics = hooks_.validate();
    epoch.seconds = seconds_now() - began;
    state_.epochs.push_back(epoch);
    state_ = {0, 0, 0, std::move(state_.epochs)};
    if (hooks_.save) hooks_.save(optimizer_, state_);
    if (hooks_.on_epoch) hooks_.on_epoch(epoch);
  }

  // A part of a batch, and what it gave.
  struct Shard {
    std::vector<Index> rows;  // of the data
    Rng rng{0};               // its own, as it was before the loss
    double share = 0;         // of the batch
    double loss = 0;          // mean over the rows
    Tensor gradient;          // (all parameters' numbers)
    double length = 0;        // of the gradient
  };

  void run_step(const std::vector<Index>& order, const Rng& rng) {
    const Index begin = state_.step * options_.batch;
    const Index size = std::min(options_.batch, data_.size() - begin);
    const std::span shards = std::span(shards_).first(std::size_t(std::min(options_.shards, size)));
    const Index count = std::ssize(shards);
    parallel_for(count, [&](Index s) {
      Shard& shard = shards[static_cast<std::size_t>(s)];
      const auto first = order.begin() + begin;
      shard.rows.assign(first + size * s / count, first + size * (s + 1) / count);
      shard.rng = rng.fork(static_cast<std::uint64_t>(s));
      shard.share = static_cast<double>(std::ssize(shard.rows)) / static_cast<double>(size);
      run_shard(shard);
    });
    double loss = 0;
    bool finite = true;
    std::vector<Optimizer::Weighted> terms;  // of the batch's gradient, the clipped ones' mean
    for (const Shard& shard : shards) {
      loss += shard.share * shard.loss;
      finite &= std::isfinite(shard.loss) && std::isfinite(shard.length);
      const double factor = clip_factor(shard.length, options_.largest_gradient);
      terms.push_back({shard.gradient, static_cast<real>(shard.share * factor)});
    }
    if (!finite) stop_at(shards, loss);
    optimizer_.step(terms);
    state_.loss_sum += loss * static_cast<double>(size);
  }

  // On a tape of its own.
  void run_shard(Shard& shard) const {
    shard.gradient = {};  // that of the step before; its buffer can be used again
    Rng rng = shard.rng;
    Tape tape;
    const Var loss = loss_(data_.rows(shard.rows), rng);
    shard.loss = loss.item();
    shard.gradient = flatten(tape.backward(loss), optimizer_.layout());
    shard.length = norm(shard.gradient);
  }

  [[noreturn]] void stop_at(std::span<const Shard> shards, double loss) const {
    std::string what = std::isfinite(loss) ? "the norm of the gradient" : "the loss";
    const auto& places = optimizer_.layout().places;
    for (std::size_t k = places.size(); k-- > 0 && std::isfinite(loss);)  // the first one is named
      for (const Shard& shard : shards)
        if (!all_finite(shard.gradient.rows(places[k].offset, places[k].offset + places[k].size)))
          what = fmt::format("the gradient of {}", optimizer_.parameters()[k].name);
    throw NonFiniteError(fmt::format(
        "train: {} is not finite in epoch {}, step {} (loss {}): {}; hint: lower the learning "
        "rate, bound the scales, or look for NaN in the data",
        what, state_.epochs.size() + 1, state_.step + 1, loss, find_cause(shards)));
  }

  // Looks at every number, of the data and then of the step, which runs again: where is the first
  // that is not finite?
  std::string find_cause(std::span<const Shard> shards) const {
    for (const Shard& shard : shards)
      for (const Index row : shard.rows)
        if (!all_finite(data_.points.rows(row, row + 1)))
          return fmt::format("row {} of the data is not finite", row);
    for (const Shard& shard : shards) {
      Rng rng = shard.rng;
      Tape tape(Tape::Watch::yes);
      try {
        tape.backward(loss_(data_.rows(shard.rows), rng));
      } catch (const NonFiniteError& found) {
        std::string cause = found.what();
        for (const auto& [name, parameter] : optimizer_.parameters())
          if (parameter == tape.suspect()) cause += ", at parameter " + name;
        return cause;
      }
    }
    return "each number is finite, but not their sum";
  }

  Progress progress() const {
    const Index points = std::min(state_.step * options_.batch, data_.size());
    const double loss = state_.loss_sum / static_cast<double>(points);
    const double rate = static_cast<double>(steps_run_) / (seconds_now() - began_);
    return {std::ssize(state_.epochs) + 1, options_.epochs, state_.step, steps_, loss, rate};
  }

  const Loss& loss_;
  const Data& data_;
  const TrainingOptions& options_;
  const TrainingHooks& hooks_;
  Adam optimizer_;
  const Index steps_;  // in an epoch
  std::vector<Shard> shards_;
  TrainingState state_;
  bool stopped_ = false;
  double began_ = 0;     // this run
  Index steps_run_ = 0;  // by it
};

}  // namespace

Data Data::rows(const std::vector<Index>& indices) const {
  Data part{gather(points, indices), {}};
  if (labels.empty()) return part;
  part.labels.reserve(indices.size());
  for (const Index i : indices) part.labels.push_back(labels[static_cast<std::size_t>(i)]);
  return part;
}

TrainingResult train(const Parameters& parameters, const Loss& loss, const Data& data,
                     const TrainingOptions& options, const TrainingHooks& hooks) {
  check_options(data, options);
  return Trainer(parameters, loss, data, options, hooks).run();
}

}  // namespace gradflow
