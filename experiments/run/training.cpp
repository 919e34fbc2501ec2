#include "experiments/run/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>

#include "experiments/run/ahead.h"
#include "experiments/run/clock.h"
#include "nn/parameters.h"
#include "nn/ranks.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

void check_options(const Data& data, const TrainingOptions& options) {
  require(data.points.rank() == 2 && data.size() > 0,
          "train: points {} given; (N, D) with N > 0 is required", data.points.shape());
  require(options.epochs >= 1, "train: {} epochs given; at least 1", options.epochs);
  require(options.batch >= 1, "train: a batch of {} given; at least 1", options.batch);
  require(options.shards >= 1, "train: {} shards given; at least 1", options.shards);
  require(options.learning_rate >= 0 && std::isfinite(options.learning_rate),
          "train: a learning rate of {} given; 0 or more", options.learning_rate);
  require(options.largest_gradient > 0, "train: a largest gradient of {} given; more than 0",
          options.largest_gradient);
}

// One run of train().
class Trainer {
 public:
  Trainer(Weights& weights, const Loss& loss, const Data& data, const TrainingOptions& options,
          const TrainingHooks& hooks)
      : weights_(weights),
        data_(data),
        options_(options),
        hooks_(hooks),
        optimizer_(weights),
        shards_(std::min({options.shards, options.batch, data.size()})),
        gradient_(loss, weights, shards_),
        steps_(steps_in_epoch(data.size(), options.batch)),
        in_order_(static_cast<std::size_t>(std::min(options.batch, data.size()))) {
    std::iota(in_order_.begin(), in_order_.end(), Index{0});
  }

  TrainingResult run() {
    broadcast(weights_.mutable_numbers(), weights_.count());
    if (hooks_.restore) state_ = hooks_.restore(optimizer_);
    const Index begun = std::ssize(state_.epochs) + (state_.step > 0);
    require(begun <= options_.epochs,
            "train: {} epochs given to go on with in epoch {}; at least as many are required",
            options_.epochs, begun);
    if (state_.lengths.empty() || state_.lengths.back() != options_.epochs)
      state_.lengths.push_back(options_.epochs);
    if (hooks_.on_epoch)
      for (const Epoch& epoch : state_.epochs) hooks_.on_epoch(epoch);
    began_ = seconds_now();
    with_team(shards_, [this] {
      while (std::ssize(state_.epochs) < options_.epochs && !stopped_) run_epoch();
    });
    if (stopped_ && hooks_.save) hooks_.save(optimizer_, state_);
    TrainingResult result{state_.epochs, stopped_, state_.seconds, 0, state_.lengths};
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
    const auto rng_of = [&rng](Index step) { return rng.fork(static_cast<std::uint64_t>(step)); };
    std::optional<Ahead<Data>> batches;
    if (hooks_.prepare)
      batches.emplace(state_.step, steps_,
                      [&](Index step) { return prepared(rows_of(order, step), rng_of(step)); });
    while (state_.step < steps_) {
      const std::span<const Index> rows = rows_of(order, state_.step);
      if (batches)
        run_step(batches->next(), std::span(in_order_).first(rows.size()), rng_of(state_.step));
      else
        run_step(data_, rows, rng_of(state_.step));
      ++state_.step;
      ++steps_run_;
      if (hooks_.on_step) hooks_.on_step(progress());
      if (on_any_rank(hooks_.stop && hooks_.stop->load())) {
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
    if (ranks() > 1)  // all have taken the same steps
      check_same(fmt::format("train: epoch {}: the weights", finished + 1),
                 hash_tensors({{"weights", weights_.numbers()}}));
    if (hooks_.validate) epoch.metrics = hooks_.validate();
    epoch.seconds = seconds_now() - began;
    state_.epochs.push_back(epoch);
    state_.step = 0;
    state_.loss_sum = state_.seconds = 0;
    if (hooks_.save) hooks_.save(optimizer_, state_);
    if (hooks_.on_epoch) hooks_.on_epoch(epoch);
  }

  // Those of the data that a step of the epoch is made of.
  std::span<const Index> rows_of(const std::vector<Index>& order, Index step) const {
    const Index begin = step * options_.batch;
    const std::span rows = std::span(order).subspan(static_cast<std::size_t>(begin));
    return rows.first(std::min(static_cast<std::size_t>(options_.batch), rows.size()));
  }

  Data prepared(std::span<const Index> rows, Rng rng) const {
    Data batch = hooks_.prepare(data_.rows({rows.begin(), rows.end()}), rng);
    require(batch.size() == std::ssize(rows),
            "train: {} rows prepared of a batch of {} given; as many are required", batch.size(),
            rows.size());
    return batch;
  }

  void run_step(const Data& data, std::span<const Index> rows, const Rng& rng) {
    try {
      const double loss = gradient_.compute(data, rows, rng);
      optimizer_.step(gradient_.gradient(),
                      clip_factor(gradient_.norm(), options_.largest_gradient));
      state_.loss_sum += loss * static_cast<double>(rows.size());
    } catch (const NonFiniteError& error) {
      throw NonFiniteError(fmt::format(
          "train: epoch {}, step {}: {}; hint: lower the learning rate, bound the scales, or look "
          "for NaN in the data",
          state_.epochs.size() + 1, state_.step + 1, error.what()));
    }
  }

  Progress progress() const {
    const Index points = std::min(state_.step * options_.batch, data_.size());
    const double loss = state_.loss_sum / static_cast<double>(points);
    const double rate = static_cast<double>(steps_run_) / (seconds_now() - began_);
    return {std::ssize(state_.epochs) + 1, options_.epochs, state_.step, steps_, loss, rate};
  }

  Weights& weights_;
  const Data& data_;
  const TrainingOptions& options_;
  const TrainingHooks& hooks_;
  Adam optimizer_;
  const Index shards_;
  BatchGradient gradient_;
  const Index steps_;            // in an epoch
  std::vector<Index> in_order_;  // the rows of a prepared batch
  TrainingState state_;
  bool stopped_ = false;
  double began_ = 0;     // this run
  Index steps_run_ = 0;  // by it
};

}  // namespace

// These ranges are a command line's: what is beyond them is a slip of the finger.
Settings settings_of(TrainingOptions& o) {
  return {
      setting("seed", o.seed, {0, 999'999'999'999'999'999},
              "Random seed: same seed, same bits, whatever the threads"),
      setting("epochs", o.epochs, {1, 100'000}, "Passes over the training points"),
      setting("batch", o.batch, {1, 1'000'000}, "Points in a step"),
      setting("shards", o.shards, {1, 1024},
              "Parts of a batch that can run in parallel; part of the result's bits"),
      setting("lr", o.learning_rate, {0, 1e6},
              "Adam's learning rate at the start; falls to 0 along a cosine"),
      setting("clip", o.largest_gradient, AboveZeroOrNone{},
              "Longest gradient allowed; longer ones are scaled down"),
  };
}

TrainingResult train(Weights& weights, const Loss& loss, const Data& data,
                     const TrainingOptions& options, const TrainingHooks& hooks) {
  check_options(data, options);
  return Trainer(weights, loss, data, options, hooks).run();
}

}  // namespace gradflow
