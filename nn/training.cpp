#include "nn/training.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <span>

#include "tensor/error.h"
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
        rng_(options.seed),
        schedule_(cosine_schedule(options.learning_rate, options.epochs)),
        optimizer_(parameters),
        steps_((data.size() + options.batch - 1) / options.batch) {
    shards_.resize(static_cast<std::size_t>(std::min(options.shards, options.batch)));
  }

  TrainingResult run() {
    if (hooks_.restore) resume();
    run_began_ = seconds_now();
    with_team(std::ssize(shards_), [this] {
      while (state_.epoch < options_.epochs && !stopped_) run_epoch();
    });
    if (stopped_) save();
    TrainingResult result{state_.epochs, stopped_, state_.seconds, rate()};
    for (const Epoch& epoch : state_.epochs) result.seconds += epoch.seconds;
    return result;
  }

 private:
  void resume() {
    state_ = hooks_.restore(optimizer_);
    if (hooks_.on_epoch)
      for (const Epoch& epoch : state_.epochs) hooks_.on_epoch(epoch);
  }

  void save() const {
    if (hooks_.save) hooks_.save(optimizer_, state_);
  }

  void run_epoch() {
    const double began = seconds_now() - state_.seconds;
    const Rng rng = rng_.fork(static_cast<std::uint64_t>(state_.epoch));
    const std::vector<Index> order = Rng(rng).permutation(data_.size());
    optimizer_.learning_rate = schedule_(state_.epoch);
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
    Epoch epoch;
    epoch.number = state_.epoch + 1;
    epoch.loss = state_.loss_sum / static_cast<double>(data_.size());
    epoch.learning_rate = optimizer_.learning_rate;
    if (hooks_.validate) epoch.metrics = hooks_.validate();
    epoch.seconds = seconds_now() - began;
    state_.epochs.push_back(epoch);
    state_ = {state_.epoch + 1, 0, 0, 0, std::move(state_.epochs)};
    save();
    if (hooks_.on_epoch) hooks_.on_epoch(epoch);
  }

  // What one shard of the batch gave. The storage is kept from step to step.
  struct Shard {
    double loss = 0;
    double share = 0;   // of the batch
    Tensor gradient;    // (all parameters' numbers)
    double length = 0;  // of the gradient
  };

  // Rows order[begin .. end-1], on a tape of their own.
  void run_shard(const std::vector<Index>& order, Index begin, Index end, Rng rng,
                 Shard& shard) const {
    const Data part = data_.rows({order.begin() + begin, order.begin() + end});
    Tape tape;
    const Var loss = loss_(part, rng);
    shard.loss = loss.item();
    shard.gradient = flatten(tape.backward(loss), optimizer_.layout());
    shard.length = norm(shard.gradient);
  }

  void run_step(const std::vector<Index>& order, const Rng& rng) {
    const Index begin = state_.step * options_.batch;
    const Index size = std::min(options_.batch, data_.size() - begin);
    const std::span shards = std::span(shards_).first(std::size_t(std::min(options_.shards, size)));
    const Index count = std::ssize(shards);
    parallel_for(count, [&](Index s) {
      const Index first = begin + size * s / count, end = begin + size * (s + 1) / count;
      Shard& shard = shards[static_cast<std::size_t>(s)];
      shard.share = static_cast<double>(end - first) / static_cast<double>(size);
      run_shard(order, first, end, rng.fork(static_cast<std::uint64_t>(s)), shard);
    });
    double loss = 0;
    bool finite = true;
    for (const Shard& shard : shards) {
      loss += shard.share * shard.loss;
      finite &= std::isfinite(shard.loss) && std::isfinite(shard.length);
    }
    combine(shards);
    if (!finite) stop_at(loss, shards[0].gradient, find_cause(order, begin, size, rng));
    optimizer_.step(shards[0].gradient);
    state_.loss_sum += loss * static_cast<double>(size);
  }

  // The batch's gradient, the mean of the shards' clipped ones by their shares, in place of the
  // first one's. In an order that does not depend on the threads.
  void combine(std::span<Shard> shards) const {
    constexpr Index kChunk = 1 << 14;
    const Index n = shards[0].gradient.size();
    real* const first = shards[0].gradient.mutable_data();
    const auto weight_of = [this](const Shard& shard) {
      return static_cast<real>(shard.share * clip_factor(shard.length, options_.largest_gradient));
    };
    parallel_for((n + kChunk - 1) / kChunk, [&](Index chunk) {
      const Index begin = chunk * kChunk, end = std::min(n, begin + kChunk);
      real* const sum = first;  // a local name: inside the loops it must not seem to change
      const real first_weight = weight_of(shards[0]);
#pragma omp simd
      for (Index i = begin; i < end; ++i) sum[i] *= first_weight;
      for (const Shard& shard : shards.subspan(1)) {
        const real weight = weight_of(shard);
        const real* term = shard.gradient.data();
#pragma omp simd
        for (Index i = begin; i < end; ++i) sum[i] += weight * term[i];
      }
    });
  }

  // Runs a step again, looking at every number, and says where the first that is not finite
  // appears.
  std::string find_cause(const std::vector<Index>& order, Index begin, Index size,
                         const Rng& rng) const {
    for (Index i = begin; i < begin + size; ++i) {
      const Index row = order[static_cast<std::size_t>(i)];
      if (!all_finite(data_.points.rows(row, row + 1)))
        return fmt::format("row {} of the data is not finite", row);
    }
    const Index count = std::min(options_.shards, size);
    for (Index s = 0; s < count; ++s) {
      Rng shard_rng = rng.fork(static_cast<std::uint64_t>(s));
      const auto first = order.begin() + begin;
      const Data part = data_.rows({first + size * s / count, first + size * (s + 1) / count});
      try {
        Tape tape(Tape::Watch::yes);
        tape.backward(loss_(part, shard_rng));
      } catch (const NotFinite& found) {
        return found.what() + near(found.parameter);
      }
    }
    return "each number is finite, but not their sum";
  }

  std::string near(const Parameter* parameter) const {
    for (const auto& [name, each] : optimizer_.parameters())
      if (each == parameter) return fmt::format(", at parameter {}", name);
    return "";
  }

  [[noreturn]] void stop_at(double loss, const Tensor& gradient, const std::string& cause) const {
    std::string what = "the loss";
    for (std::size_t k = 0; k < optimizer_.parameters().size() && std::isfinite(loss); ++k) {
      const auto [of, offset, n] = optimizer_.layout().places[k];
      if (all_finite(gradient.rows(offset, offset + n))) continue;
      what = fmt::format("the gradient of {}", optimizer_.parameters()[k].name);
      break;
    }
    throw NonFiniteError(fmt::format(
        "train: {} is not finite in epoch {}, step {} (loss {}): {}; hint: lower the learning "
        "rate, bound the scales, or look for NaN in the data",
        what, state_.epoch + 1, state_.step + 1, loss, cause));
  }

  double rate() const {
    const double seconds = seconds_now() - run_began_;
    return seconds > 0 ? static_cast<double>(steps_run_) / seconds : 0;
  }

  Progress progress() const {
    const Index done = std::min((state_.step) * options_.batch, data_.size());
    const Index left = (options_.epochs - state_.epoch) * steps_ - state_.step;
    Progress progress{state_.epoch + 1, options_.epochs, state_.step, steps_, 0, rate(), 0};
    progress.loss = state_.loss_sum / static_cast<double>(done);
    progress.seconds_left = static_cast<double>(left) / progress.steps_per_second;
    return progress;
  }

  const Loss& loss_;
  const Data& data_;
  const TrainingOptions& options_;
  const TrainingHooks& hooks_;
  const Rng rng_;
  const Schedule schedule_;
  Adam optimizer_;
  const Index steps_;  // in an epoch
  std::vector<Shard> shards_;
  TrainingState state_;
  bool stopped_ = false;
  double run_began_ = 0;
  Index steps_run_ = 0;
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
