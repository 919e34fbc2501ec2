// The training loop: what each epoch does, that a run is a function of its settings alone (whatever
// the threads, wherever it was stopped), and what it refuses.

#include "experiments/run/training.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <numeric>

#include "experiments/run/ahead.h"
#include "experiments/run/files/checkpoint.h"
#include "flows/coupling.h"
#include "flows/recipes.h"
#include "flows/univariate/affine.h"
#include "nn/layers.h"
#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// A directory of its own for a test's checkpoints, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gradflow_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(directory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path operator/(const char* name) const { return directory_ / name; }

 private:
  std::filesystem::path directory_;
};

// Point i is the number i, and so is its label.
Data numbered(Index n) {
  Data data{Tensor({n, 1}), std::vector<Index>(std::size_t(n))};
  std::iota(data.points.mutable_data(), data.points.mutable_data() + n, real{0});
  std::iota(data.labels.begin(), data.labels.end(), Index{0});
  return data;
}

// Points (x0, x1, y) with y = x0 x1.
Data data_of_products(Index n) {
  Rng rng(1);
  Tensor points = rng.uniform({n, 3}, -1, 1);
  real* p = points.mutable_data();
  for (Index i = 0; i < n; ++i) p[3 * i + 2] = p[3 * i] * p[3 * i + 1];
  return {points, {}};
}

// A small network that learns y from (x0, x1). Its loss blurs the inputs with random numbers, so
// that a run repeats only if those do, too.
struct Regression {
  explicit Regression(std::uint64_t seed = 0, Index hidden = 6) : mlp(make(seed, hidden)) {}
  static Mlp make(std::uint64_t seed, Index hidden) {
    Rng rng(seed);
    return Mlp({2, hidden, 1}, rng);
  }
  Loss loss(real blur = real(0.01)) const {
    return [this, blur](const Data& batch, Rng& rng) {
      const Var x = slice(batch.points, 1, 0, 2) + blur * Var(rng.normal({batch.size(), 2}));
      return mean(square(mlp(x) - slice(batch.points, 1, 2, 3)));
    };
  }
  void visit(const Visitor& visit) { mlp.visit(visit); }
  Mlp mlp;
};

// What must agree between runs: all parameters and all that was measured but the seconds.
std::string fingerprint(Regression& model, const std::vector<Epoch>& epochs) {
  std::string text = bits(model);
  for (const Epoch& e : epochs) {
    text += fmt::format("\n{} {} {}", e.number, e.loss, e.learning_rate);
    for (const auto& [name, value] : e.metrics) text += fmt::format(" {} {}", name, value);
  }
  return text;
}

// The training of some parameters, or of a model's.
TrainingResult train(const Parameters& parameters, const Loss& loss, const Data& data,
                     const TrainingOptions& options, const TrainingHooks& hooks = {}) {
  Weights weights(parameters);
  return gradflow::train(weights, loss, data, options, hooks);
}

std::string run(const Data& data, const TrainingOptions& options) {
  Regression model;
  const TrainingResult result = train(parameters(model), model.loss(), data, options);
  return fingerprint(model, result.epochs);
}

TEST_CASE("a batch larger than the data is all of it") {
  Regression model, same;
  const auto result = train(parameters(model), model.loss(), data_of_products(10),
                            {.epochs = 2, .batch = std::numeric_limits<Index>::max()});
  train(parameters(same), same.loss(), data_of_products(10), {.epochs = 2, .batch = 10});
  CHECK(result.epochs.front().loss > 0);
  CHECK(bits(model) == bits(same));
}

TEST_CASE("training reaches a low loss: a regression") {
  Regression model(0, 32);
  const Data data = data_of_products(1000);
  const auto result = train(parameters(model), model.loss(0), data,
                            {.epochs = 30, .batch = 50, .learning_rate = 0.02});
  REQUIRE(result.epochs.size() == 30);
  CHECK_FALSE(result.stopped);
  CHECK(result.epochs.front().loss > 0.01);  // the variance of y is 1/9
  CHECK(result.epochs.back().loss < 1e-3);
}

TEST_CASE("training reaches a low loss: a normalizing flow") {
  // x0 ~ N(0, 1), x1 ~ N(x0^2, 0.3^2): the entropy is that of two Gaussians, log(2 pi e 0.3).
  Rng rng(2);
  Tensor points = rng.normal({2000, 2});
  for (Index i = 0; i < points.rows(); ++i) {
    real* p = points.mutable_data() + 2 * i;
    p[1] = p[0] * p[0] + real(0.3) * p[1];
  }
  const double entropy = std::log(2 * std::acos(-1.0) * std::exp(1.0) * 0.3);
  Flow flow = real_nvp(2, {.layers = 4}, rng);
  const auto result = train(
      parameters(flow), [&](const Data& batch, Rng&) { return -mean(flow.log_prob(batch.points)); },
      {points, {}}, {.epochs = 15, .batch = 50, .learning_rate = 0.02});
  CHECK(result.epochs.front().loss > entropy + 0.3);
  CHECK(result.epochs.back().loss < entropy + 0.1);
  CHECK(result.epochs.back().loss > entropy - 0.1);  // nobody can: the density would not sum to 1
}

TEST_CASE("each epoch visits each point once, with its label, in an order of its own") {
  const Data data = numbered(10);
  Parameter p{zeros({1})};
  for (const Index shards : {1, 3}) {
    CAPTURE(shards);
    std::mutex mutex;
    std::vector<Index> seen;
    bool labels_fit = true;
    const Loss loss = [&](const Data& batch, Rng&) {
      const std::lock_guard lock(mutex);
      for (Index i = 0; i < batch.size(); ++i) {
        seen.push_back(Index(batch.points.at({i, 0})));
        labels_fit &= batch.labels[std::size_t(i)] == seen.back();
      }
      return mean(square(p - batch.points));
    };
    train({{"p", &p}}, loss, data, {.epochs = 3, .batch = 4, .shards = shards});
    CHECK(labels_fit);
    REQUIRE(seen.size() == 30);
    std::vector<std::vector<Index>> orders;
    for (std::ptrdiff_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<Index> order(seen.begin() + 10 * epoch, seen.begin() + 10 * (epoch + 1));
      orders.push_back(order);
      std::sort(order.begin(), order.end());
      CHECK(order == data.labels);
    }
    CHECK(orders[0] != orders[1]);
    CHECK(orders[1] != orders[2]);
    CHECK(orders[0] != data.labels);  // one in 10! orders is the data's own
  }
}

TEST_CASE("batches have the size asked for, the last one what is left, shards even parts of it") {
  struct Row {
    Index points, batch, shards;
    std::vector<Index> sizes;  // of one epoch's calls of the loss
  };
  const Row rows[] = {
      {10, 4, 1, {4, 4, 2}},           // the last partial batch is kept
      {8, 4, 1, {4, 4}},               //
      {3, 4, 1, {3}},                  // fewer points than a batch
      {10, 4, 2, {2, 2, 2, 2, 1, 1}},  //
      {7, 7, 3, {2, 2, 3}},            //
      {5, 4, 3, {1, 1, 2, 1}},         // more shards than points in the last batch
  };
  const WithThreads one(1);  // so that the calls come in the order of the shards
  for (const Row& row : rows) {
    Parameter p{zeros({1})};
    std::vector<Index> sizes;
    const Loss loss = [&](const Data& batch, Rng&) {
      sizes.push_back(batch.size());
      return mean(square(p - batch.points));
    };
    train({{"p", &p}}, loss, numbered(row.points),
          {.epochs = 1, .batch = row.batch, .shards = row.shards});
    CAPTURE(row.points, row.batch, row.shards);
    CHECK(sizes == row.sizes);
  }
}

TEST_CASE("an epoch's loss is the mean over its points, whatever the batches") {
  const Data data = numbered(11);
  for (const Index batch : {1, 4, 11, 100})
    for (const Index shards : {1, 2, 3}) {
      Parameter p{zeros({1})};
      const auto result =
          train({{"p", &p}}, [&](const Data& part, Rng&) { return mean(square(p - part.points)); },
                data, {.epochs = 2, .batch = batch, .shards = shards, .learning_rate = 0});
      CAPTURE(batch, shards);
      CHECK(p.value().item() == 0);  // at a rate of 0 nothing moves
      for (const Epoch& epoch : result.epochs)
        CHECK(epoch.loss == Approx(35).epsilon(10 * kEps));  // (0^2 + ... + 10^2) / 11
    }
}

TEST_CASE("shards change the roundings of a gradient and nothing else") {
  const Data data = data_of_products(10);
  const auto trained = [&](Index shards) {
    Regression model;
    train(parameters(model), model.loss(0), data,
          {.epochs = 4,
           .batch = 10,
           .shards = shards,
           .learning_rate = 0.01,
           .largest_gradient = kInfinity});
    return model.mlp.layers[0].W.value();
  };
  const Reference whole = reference(trained(1));
  // Four steps; Adam divides by the gradient's own size and so enlarges what is left of a small
  // one.
  for (const Index shards : {2, 3, 10}) CHECK(difference(trained(shards), whole, 1e4, 1) == "");
}

// The direction of a step is that of the batch's gradient, however it is cut: of shards that were
// clipped by themselves, 128 and -4 would cancel.
TEST_CASE("the gradient of a batch is clipped once") {
  for (const Index shards : {1, 2})
    for (const double largest : {1.0, 8.0, double{kInfinity}}) {
      CAPTURE(shards, largest);
      Parameter w{zeros({1})};
      double memory = 0;
      const Loss loss = [&](const Data& batch, Rng&) { return mean(w * Var(batch.points)); };
      TrainingHooks hooks;
      hooks.save = [&](const Optimizer& adam, const TrainingState&) {
        memory = adam.state().at("m").at({0});
      };
      train({{"w", &w}}, loss, {Tensor({{128}, {-4}}), {}},
            {.epochs = 1, .batch = 2, .shards = shards, .largest_gradient = largest}, hooks);
      CHECK(w.value().item() < 0);
      // Adam's running mean after one step is a tenth of the gradient, 62 before it was clipped.
      CHECK(memory == Approx(std::min(62.0, largest) / 10).epsilon(4 * kEps));
    }
}

TEST_CASE("the learning rate follows the cosine, epoch by epoch") {
  Regression model;
  const auto result = train(parameters(model), model.loss(), data_of_products(10),
                            {.epochs = 4, .learning_rate = 0.5});
  const Schedule schedule = cosine_schedule(0.5, 4);
  REQUIRE(result.epochs.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(result.epochs[i].number == Index(i) + 1);
    CHECK(result.epochs[i].learning_rate == schedule(Index(i)));
  }
}

TEST_CASE("hooks see every step, every epoch and what was measured after it") {
  Regression model;
  std::vector<std::string> calls;
  TrainingHooks hooks;
  hooks.on_step = [&](const Progress& p) {
    calls.push_back(fmt::format("step {}/{} {}/{}", p.epoch, p.epochs, p.step, p.steps));
    CHECK(p.loss > 0);
    CHECK(p.steps_per_second > 0);
  };
  hooks.validate = [&] {
    calls.push_back("validate");
    return Metrics{{"measured", double(calls.size())}};
  };
  hooks.on_epoch = [&](const Epoch& e) {
    calls.push_back(fmt::format("epoch {} {}", e.number, e.metrics.at("measured")));
  };
  train(parameters(model), model.loss(), data_of_products(10), {.epochs = 2, .batch = 6}, hooks);
  CHECK(calls == std::vector<std::string>{"step 1/2 1/2", "step 1/2 2/2", "validate", "epoch 1 3",
                                          "step 2/2 1/2", "step 2/2 2/2", "validate", "epoch 2 7"});
}

TEST_CASE("any number of threads gives the same bits") {
  const Data data = data_of_products(50);
  const TrainingOptions options{.epochs = 3, .batch = 16, .shards = 4};
  std::vector<std::string> results;
  for (const int count : {1, 2, 3, 4}) {
    const WithThreads of(count);
    results.push_back(run(data, options));
  }
  for (const std::string& result : results) CHECK(result == results[0]);
}

TEST_CASE("the seed, the shards and the batch are part of the result, and nothing else is") {
  const Data data = data_of_products(50);
  const TrainingOptions options{.epochs = 2, .batch = 16, .shards = 2, .seed = 7};
  const std::string result = run(data, options);
  CHECK(run(data, options) == result);
  TrainingOptions seed = options, shards = options, batch = options;
  seed.seed = 8;
  shards.shards = 3;
  batch.batch = 17;
  CHECK(run(data, seed) != result);
  CHECK(run(data, shards) != result);
  CHECK(run(data, batch) != result);
}

// --- a batch ahead ---

TEST_CASE("of a series each is made once, in order, and what goes wrong is told when it is due") {
  for (const int count : {1, 2}) {
    const WithThreads of(count);
    std::vector<Index> made;
    Ahead<Index> squares(3, 6, [&](Index i) {
      made.push_back(i);
      if (i == 5) throw std::runtime_error("five");
      return i * i;
    });
    CHECK(squares.next() == 9);
    CHECK(squares.next() == 16);
    CHECK_THROWS_AS(squares.next(), std::runtime_error);
    CHECK(made == std::vector<Index>{3, 4, 5});
    CHECK(message_of<ShapeError>([&] { squares.next(); }) ==
          "Ahead: one after the last, 5, asked for");
    CHECK_THROWS_AS(Ahead<Index>(2, 2, [](Index i) { return i; }).next(), ShapeError);
  }
}

// The loss is given the points twice as large, and blurred by other random numbers than its own.
Data doubled(const Data& batch, Rng& rng) {
  const Var blur = real(0.1) * rng.normal(batch.points.shape());
  return {(2 * (batch.points + blur)).value(), batch.labels};
}

TEST_CASE("a batch is prepared before its loss, and nothing depends on when") {
  const Data data = data_of_products(50);
  const TrainingOptions options{.epochs = 3, .batch = 16, .shards = 2};
  std::vector<std::string> results;
  for (const int count : {1, 2, 3}) {
    const WithThreads of(count);
    Regression model;
    const auto result = train(parameters(model), model.loss(), data, options, {.prepare = doubled});
    results.push_back(fingerprint(model, result.epochs));
    CHECK(results.back() == results.front());
  }
  CHECK(results.front() != run(data, options));
}

TEST_CASE("what is prepared are the rows of the step, and the loss is given what came of them") {
  Parameter p{zeros({1})};
  std::mutex mutex;
  std::vector<real> seen;
  Tensor blur;
  const Loss loss = [&](const Data& batch, Rng& rng) {
    for (Index i = 0; i < batch.size(); ++i)
      CHECK(batch.points.data()[i] == real(batch.labels[std::size_t(i)]) + 100);
    const std::lock_guard lock(mutex);
    seen.insert(seen.end(), batch.points.values().begin(), batch.points.values().end());
    CHECK(difference(rng.normal({4}), blur) != "");
    return sum(square(p));
  };
  const auto prepare = [&](const Data& batch, Rng& rng) {
    const Tensor own = rng.normal({4});
    const std::lock_guard lock(mutex);
    blur = own;
    return Data{(batch.points + 100).value(), batch.labels};
  };
  const WithThreads one(1);
  train({{"p", &p}}, loss, numbered(10), {.epochs = 1, .batch = 4, .shards = 2},
        {.prepare = prepare});
  std::sort(seen.begin(), seen.end());
  REQUIRE(seen.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(seen[i] == real(i) + 100);
}

TEST_CASE("the next batch is prepared while this one trains") {
  const WithThreads two(2);
  if (threads() == 1) return;  // built without: each is prepared when it is its turn
  Parameter p{zeros({1})};
  std::promise<void> second;
  bool overlapped = false;
  Index losses = 0, batches = 0;
  const Loss loss = [&](const Data&, Rng&) {
    if (++losses == 1)  // waits for what has not happened, if it does not happen meanwhile
      overlapped =
          second.get_future().wait_for(std::chrono::minutes(1)) == std::future_status::ready;
    return sum(square(p));
  };
  const auto prepare = [&](const Data& batch, Rng&) {
    if (++batches == 2) second.set_value();
    return batch;
  };
  train({{"p", &p}}, loss, numbered(12), {.epochs = 1, .batch = 4, .shards = 1},
        {.prepare = prepare});
  CHECK(overlapped);
  CHECK(batches == 3);
}

TEST_CASE("what goes wrong in preparing ends the training") {
  Regression model;
  const auto message = [&](const Preparation& prepare) {
    return message_of<ShapeError>([&] {
      train(parameters(model), model.loss(), data_of_products(10), {.batch = 4},
            {.prepare = prepare});
    });
  };
  CHECK(message([](const Data& batch, Rng&) {
          return batch.rows({0, 1});
        }) == "train: 2 rows prepared of a batch of 4 given; as many are required");
  CHECK(contains(message([](const Data&, Rng&) -> Data { throw ShapeError("no pairs"); }),
                 "no pairs"));
}

// --- stopping and resuming ---

struct FileOptions : TrainingOptions {
  std::filesystem::path checkpoint;  // empty: none
  bool resume = false;
  Texts settings;
};

TrainingResult train(const Parameters& parameters, const Loss& loss, const Data& data,
                     const FileOptions& options, TrainingHooks hooks = {}) {
  if (!options.checkpoint.empty())
    keep_checkpoints(hooks, parameters, options.checkpoint, options.resume,
                     identity_of(options, data.size(), options.settings, {}));
  return train(parameters, loss, data, static_cast<const TrainingOptions&>(options), hooks);
}

const FileOptions kShort{
    {.epochs = 3, .batch = 4, .shards = 2, .learning_rate = 0.05}, {}, false, {}};
constexpr Index kSteps = 9;  // of ten points in three epochs

// Trains until `stop_after` more steps are done, if that is positive. The seed of the initial
// weights must not matter to a run that resumes.
struct Stopped {
  Regression model;
  TrainingResult result;
  Index epochs_seen = 0;
};
Stopped run_until(Index stop_after, const FileOptions& options, std::uint64_t initial_seed = 0) {
  Stopped run{Regression(initial_seed), {}};
  std::atomic<bool> stop = false;
  TrainingHooks hooks;
  hooks.on_step = [&](const Progress&) { stop = --stop_after == 0; };
  hooks.validate = [&] { return Metrics{{"sum", sum(run.model.mlp.layers[0].W.value()).item()}}; };
  hooks.on_epoch = [&](const Epoch&) { ++run.epochs_seen; };
  hooks.stop = &stop;
  run.result = train(parameters(run.model), run.model.loss(), data_of_products(10), options, hooks);
  return run;
}

TEST_CASE("a run that was stopped anywhere goes on to the same bits") {
  const Scratch scratch;
  FileOptions options = kShort;
  Stopped whole = run_until(-1, options);
  const std::string expected = fingerprint(whole.model, whole.result.epochs);
  CHECK_FALSE(whole.result.stopped);
  CHECK(whole.epochs_seen == 3);

  for (Index steps = 1; steps <= kSteps; ++steps) {  // mid-epoch, at its end, at the very end
    CAPTURE(steps);
    options.checkpoint = scratch / "checkpoint";
    options.resume = false;
    const Stopped first = run_until(steps, options);
    CHECK(first.result.stopped);
    options.resume = true;
    Stopped second = run_until(-1, options, 99);
    CHECK_FALSE(second.result.stopped);
    CHECK(second.epochs_seen == 3);  // those of before are announced again
    CHECK(fingerprint(second.model, second.result.epochs) == expected);
  }
}

TEST_CASE("a run that is stopped after every step arrives at the same bits") {
  const Scratch scratch;
  FileOptions options = kShort;
  Stopped whole = run_until(-1, options);
  options.checkpoint = scratch / "checkpoint";
  options.resume = true;  // the first time there is nothing to resume
  for (Index step = 1; step <= kSteps; ++step)
    REQUIRE(run_until(1, options, std::uint64_t(step - 1)).result.stopped);
  Stopped last = run_until(1, options, 99);
  CHECK_FALSE(last.result.stopped);
  CHECK(fingerprint(last.model, last.result.epochs) ==
        fingerprint(whole.model, whole.result.epochs));
}

TEST_CASE("a run that was killed goes on from its last whole epoch") {
  const Scratch scratch;
  FileOptions options = kShort;
  Stopped whole = run_until(-1, options);
  options.checkpoint = scratch / "checkpoint";
  Regression killed;
  struct Kill {};
  TrainingHooks hooks;
  hooks.validate = [&] { return Metrics{{"sum", sum(killed.mlp.layers[0].W.value()).item()}}; };
  hooks.on_step = [](const Progress& p) {
    if (p.epoch == 2 && p.step == 2) throw Kill();
  };
  CHECK_THROWS_AS(train(parameters(killed), killed.loss(), data_of_products(10), options, hooks),
                  Kill);
  options.resume = true;
  Stopped second = run_until(-1, options, 99);
  CHECK(fingerprint(second.model, second.result.epochs) ==
        fingerprint(whole.model, whole.result.epochs));
}

TEST_CASE("a finished run that is resumed has nothing left to do") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  Stopped whole = run_until(-1, options);
  options.resume = true;
  Stopped again = run_until(1, options, 99);
  CHECK_FALSE(again.result.stopped);
  CHECK(again.result.seconds == whole.result.seconds);
  CHECK(fingerprint(again.model, again.result.epochs) ==
        fingerprint(whole.model, whole.result.epochs));
}

// Wherever it stands: the rates are those of the new cosine, and what was done stays.
TEST_CASE("a run goes on for another number of epochs than it was begun for", "[slow]") {
  for (const Index stop_after : {1, 3, 4, 7, 9, -1})  // of 3 steps in each of 3 epochs
    for (const Index longer : {3, 4, 5, 12}) {
      CAPTURE(stop_after, longer);
      const Scratch scratch;
      FileOptions options = kShort;
      options.checkpoint = scratch / "checkpoint";
      const Stopped first = run_until(stop_after, options);
      options.resume = true;
      options.epochs = longer;
      Stopped second = run_until(-1, options, 99);
      REQUIRE(std::ssize(second.result.epochs) == longer);
      const std::size_t done = first.result.epochs.size();
      for (std::size_t k = 0; k < second.result.epochs.size(); ++k) {
        const Index length = k < done ? 3 : longer;
        CHECK(second.result.epochs[k].learning_rate == cosine_schedule(0.05, length)(Index(k)));
      }
      for (std::size_t k = 0; k < done; ++k)
        CHECK(second.result.epochs[k].loss == first.result.epochs[k].loss);
      CHECK(second.result.lengths ==
            (longer == 3 ? std::vector<Index>{3} : std::vector<Index>{3, longer}));

      // Stopped again and continued, it arrives at the same bits; what it was begun for is kept.
      FileOptions again = options;
      again.checkpoint = scratch / "again";
      again.epochs = 3;
      again.resume = false;
      run_until(stop_after, again);
      again.epochs = longer;
      again.resume = true;
      run_until(1, again, 98);
      Stopped third = run_until(-1, again, 97);
      CHECK(third.result.lengths == second.result.lengths);
      CHECK(fingerprint(third.model, third.result.epochs) ==
            fingerprint(second.model, second.result.epochs));
    }
}

TEST_CASE("a run does not go on for fewer epochs than it has begun") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  options.epochs = 5;
  run_until(10, options);  // the first step of epoch 4
  options.resume = true;
  for (const Index fewer : {1, 2, 3}) {
    options.epochs = fewer;
    Regression model;
    const std::string before = bits(model);
    CHECK(contains(message_of<FileError>([&] {
                     train(parameters(model), model.loss(), data_of_products(10), options);
                   }),
                   fmt::format("it stands in epoch 4, this run has {}; hint: ask for at least 4 "
                               "epochs, or start anew without --resume",
                               fewer)));
    CHECK(bits(model) == before);
  }
  options.epochs = 4;  // of 5, once: as many as have begun
  const Stopped shorter = run_until(-1, options, 99);
  CHECK(shorter.result.epochs.size() == 4);
  CHECK(shorter.result.lengths == std::vector<Index>{5, 4});
  TrainingHooks hooks;  // whoever restores by other means than a checkpoint
  hooks.restore = [](Optimizer&) {
    TrainingState state;
    state.epochs.resize(6);
    return state;
  };
  Regression model;
  CHECK(message_of<ShapeError>([&] {
          train(parameters(model), model.loss(), data_of_products(10), TrainingOptions{}, hooks);
        }) == "no error");
  CHECK(message_of<ShapeError>([&] {
          train(parameters(model), model.loss(), data_of_products(10), {.epochs = 5}, hooks);
        }) == "train: 5 epochs given to go on with in epoch 6; at least as many are required");
}

TEST_CASE("metrics of any name survive a checkpoint") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  Metrics metrics{{"", 1}, {"two words", 2}, {"a \"quoted\" \\", 3}, {"two\nlines", 4}};
  TrainingHooks hooks;
  hooks.validate = [&] { return metrics; };
  Regression model;
  train(parameters(model), model.loss(), data_of_products(10), options, hooks);
  options.resume = true;
  const auto result = train(parameters(model), model.loss(), data_of_products(10), options, hooks);
  REQUIRE(result.epochs.size() == 3);
  for (const Epoch& epoch : result.epochs) CHECK(epoch.metrics == metrics);
  CHECK(result.steps_per_second > 0);  // of the whole run: nothing was left to do in this one
}

TEST_CASE("metrics that are not finite survive a checkpoint") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  TrainingHooks hooks;
  hooks.validate = [] { return Metrics{{"inf", -kInfinity}, {"nan", kNan}, {"third", 1.0 / 3}}; };
  Regression model;
  train(parameters(model), model.loss(), data_of_products(10), options, hooks);
  options.resume = true;
  const auto result = train(parameters(model), model.loss(), data_of_products(10), options, hooks);
  CHECK(result.epochs[0].metrics.at("inf") == -kInfinity);
  CHECK(std::isnan(result.epochs[0].metrics.at("nan")));
  CHECK(result.epochs[0].metrics.at("third") == 1.0 / 3);
}

TEST_CASE("a checkpoint of another run is refused, and says what differs") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  options.settings = {{"data", "products"}};
  run_until(4, options);
  options.resume = true;

  struct Row {
    const char* what;
    std::function<void(FileOptions&)> change;
    std::string message;
  };
  const Row rows[] = {
      {"batch", [](auto& o) { o.batch = 5; }, "it was made with batch 4, this run has 5"},
      {"seed", [](auto& o) { o.seed = 1; }, "it was made with seed 0, this run has 1"},
      {"shards", [](auto& o) { o.shards = 1; }, "it was made with shards 2, this run has 1"},
      {"rate", [](auto& o) { o.learning_rate = 0.5; },
       "it was made with lr 0.05, this run has 0.5"},
      {"clipping", [](auto& o) { o.largest_gradient = kInfinity; },
       "it was made with clip 1, this run has none"},
      {"setting", [](auto& o) { o.settings["data"] = "rings"; },
       "it was made with data products, this run has rings"},
      {"new setting", [](auto& o) { o.settings["noise"] = std::string("1"); },
       "it has no \"setting.noise\""},
      {"setting of the file alone", [](auto& o) { o.settings = {}; },
       "it has \"setting.data\", which this run has not"},
  };
  for (const Row& row : rows) {
    FileOptions other = options;
    row.change(other);
    CAPTURE(row.what);
    Regression model;
    const std::string before = bits(model);
    const std::string message = message_of<FileError>(
        [&] { train(parameters(model), model.loss(), data_of_products(10), other); });
    CHECK(contains(message, fmt::format("{}: {}", options.checkpoint.string(), row.message)));
    CHECK(bits(model) == before);
  }
  Regression model;
  CHECK(contains(message_of<FileError>([&] {
                   train(parameters(model), model.loss(), data_of_products(11), options);
                 }),
                 "it was made with points 10, this run has 11"));
}

TEST_CASE("a checkpoint of another model is refused") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  run_until(4, options);
  options.resume = true;
  const auto refused = [&](const Parameters& parameters, const Loss& loss) {
    const std::string before = hash_tensors(tensors(parameters));
    std::string message =
        message_of<FileError>([&] { train(parameters, loss, data_of_products(10), options); });
    CHECK(hash_tensors(tensors(parameters)) == before);
    return message;
  };
  Regression larger(0, 7);
  CHECK(contains(refused(parameters(larger), larger.loss()),
                 "(6, 2) given for \"0.weight\"; (7, 2) is required"));
  Regression model;  // the same numbers under other names
  Parameters renamed = parameters(model);
  renamed[0].name = "first";
  CHECK(contains(refused(renamed, model.loss()), "missing: \"first\"; too many: \"0.weight\""));
  Parameters fewer = parameters(model);
  fewer.pop_back();
  CHECK(contains(refused(fewer, model.loss()), "missing: nothing; too many: \"1.bias\""));
  Regression turned;  // and in another shape
  turned.mlp.layers[0].W = turned.mlp.layers[0].W.value().reshaped({2, 6});
  CHECK(contains(refused(parameters(turned), turned.loss()), "given for \"0.weight\""));
}

TEST_CASE("the constants of a checkpoint are those of the run, no fewer and no more") {
  const Scratch scratch;
  Regression model;
  Weights weights(parameters(model));
  Adam adam(weights);
  const auto path = scratch / "checkpoint";
  const auto run = [](const NamedTensors& constants) {
    return RunIdentity{.constants = constants, .epochs = 2, .steps = 3};
  };
  const NamedTensors saved{{"order", Tensor({2}, {1, 0})}, {"mean", zeros({2})}};
  save_checkpoint(path, parameters(model), adam, {}, run(saved));
  const auto refused = [&](const NamedTensors& constants) {
    return message_of<FileError>(
        [&] { load_checkpoint(path, parameters(model), adam, run(constants)); });
  };
  CHECK(refused(saved) == "no error");
  NamedTensors more = saved, fewer = saved, other = saved;
  more["scale"] = ones({2});
  fewer.erase("order");  // of a flow that ends in one permutation less: its parameters are the same
  other["mean"] = ones({2});
  CHECK(contains(refused(more), "it has no constant scale"));
  CHECK(contains(refused(fewer), "it has \"constant.order\", which this run has not"));
  CHECK(contains(refused(other), "it was made with another mean"));
}

TEST_CASE("a file that is no checkpoint is refused") {
  const Scratch scratch;
  FileOptions options = kShort;
  options.checkpoint = scratch / "checkpoint";
  run_until(4, options);
  const TensorFile saved = load_tensors(options.checkpoint);
  options.resume = true;
  const auto refused = [&] {
    Regression model;
    return message_of<FileError>(
        [&] { train(parameters(model), model.loss(), data_of_products(10), options); });
  };
  SECTION("weights without the rest") {
    save_tensors(options.checkpoint, {saved.tensors, {}});
    CHECK(contains(refused(), "not a \"gradflow checkpoint 3\""));
  }
  SECTION("of another version") {
    TensorFile other = saved;
    other.metadata["format"] = "gradflow checkpoint 2";
    save_tensors(options.checkpoint, other);
    CHECK(contains(refused(), "not a \"gradflow checkpoint 3\""));
  }
  SECTION("without one of its numbers") {
    for (const auto& [key, value] : saved.metadata) {
      if (key == "format") continue;
      TensorFile other = saved;
      other.metadata.erase(key);
      save_tensors(options.checkpoint, other);
      CHECK(contains(refused(), fmt::format("it has no \"{}\"", key)));
    }
  }
  SECTION("with a number that is none") {
    for (const char* key : {"epoch", "step", "loss_sum", "seconds", "optimizer_steps"}) {
      TensorFile other = saved;
      other.metadata[key] = "many";
      save_tensors(options.checkpoint, other);
      CHECK(contains(refused(), "a number in it cannot be read"));
    }
  }
  SECTION("with an optimiser's memory that is not this one's") {
    for (const char* name : {"optimizer.m", "optimizer.v"})
      for (const Index size : {0, 1, 5}) {
        TensorFile other = saved;
        other.tensors.erase(name);
        if (size > 0) other.tensors.emplace(name, zeros(Shape{size}));
        Regression model;  // the weights fit, the memory does not: neither is taken
        Weights weights(parameters(model));
        Adam adam(weights);
        const std::string before = bits(model), memory = hash_tensors(adam.state());
        const RunIdentity run = identity_of(kShort, 10, {}, {});
        const std::string message = message_of<FileError>(
            [&] { restore_checkpoint(other, "file", parameters(model), adam, run); });
        CAPTURE(message);
        CHECK(contains(message, "resume: file: "));
        CHECK(bits(model) == before);
        CHECK(hash_tensors(adam.state()) == memory);
        CHECK(adam.steps() == 0);
      }
  }
  SECTION("with steps that are not those of its epochs") {
    for (const char* value : {"3", "5", "0", "-4"}) {
      TensorFile other = saved;
      other.metadata["optimizer_steps"] = value;
      save_tensors(options.checkpoint, other);
      CHECK(contains(refused(), "contradict each other"));
    }
  }
  SECTION("of more or other lengths than it has") {
    for (const char* value : {"", "0", "1"}) {
      TensorFile other = saved;
      other.metadata["lengths"] = value;
      save_tensors(options.checkpoint, other);
      CHECK(contains(refused(), "contradict each other"));
    }
  }
  SECTION("with counts that contradict each other") {
    for (const char* value : {"2", "-1"}) {
      TensorFile other = saved;
      other.metadata["epoch"] = value;
      save_tensors(options.checkpoint, other);
      CHECK(contains(refused(), "contradict each other"));
    }
  }
  SECTION("cut short") {
    const std::string bytes = read_file(options.checkpoint);
    write_file(options.checkpoint, bytes.substr(0, bytes.size() / 2));
    CHECK(contains(refused(), options.checkpoint.string()));
  }
  SECTION("something else") {
    write_file(options.checkpoint, "hello");
    CHECK(contains(refused(), options.checkpoint.string()));
  }
}

TEST_CASE("a checkpoint that cannot be written is an error") {
  Regression model;
  FileOptions options = kShort;
  options.checkpoint = "/no/such/directory/checkpoint";
  CHECK(contains(message_of<FileError>([&] {
                   train(parameters(model), model.loss(), data_of_products(10), options);
                 }),
                 "/no/such/directory/checkpoint"));
}

// --- what is not finite ---

TEST_CASE("NaN in the data ends training with the model as it was") {
  Data data = data_of_products(10);
  data.points.mutable_data()[14] = kNan;
  Regression model;
  const std::string before = bits(model);
  const std::string message = message_of<NonFiniteError>(
      [&] { train(parameters(model), model.loss(), data, {.epochs = 1, .batch = 10}); });
  CHECK(contains(message, "epoch 1, step 1: the loss is not finite"));
  CHECK(contains(message, ": row 4 of the data is not finite; hint: "));
  CHECK(bits(model) == before);
}

TEST_CASE("a loss that becomes NaN leaves the model of the step before") {
  const WithThreads one(1);
  for (const real bad : {kNan, kInfinity}) {
    Regression model, expected;
    Index calls = 0;
    const Loss breaking = [&](const Data& batch, Rng& rng) {
      const Var loss = model.loss()(batch, rng);
      return ++calls == 6 ? loss + bad : loss;  // in epoch 2, step 3
    };
    const std::string message = message_of<NonFiniteError>([&] {
      train(parameters(model), breaking, data_of_products(10),
            {.epochs = 3, .batch = 4, .shards = 1});
    });
    CHECK(contains(message, "epoch 2, step 3: the loss is not finite"));
    CHECK(contains(message, ": each number is finite"));  // this loss is good when asked again

    std::atomic<bool> stop = false;
    TrainingHooks hooks;
    hooks.on_step = [&](const Progress& p) { stop = p.epoch == 2 && p.step == 2; };
    hooks.stop = &stop;
    train(parameters(expected), expected.loss(), data_of_products(10),
          {.epochs = 3, .batch = 4, .shards = 1}, hooks);
    CHECK(bits(model) == bits(expected));
  }
}

TEST_CASE("a gradient that is not finite is named") {
  Parameter good{ones({2})}, bad{zeros({2})};
  const Loss loss = [&](const Data&, Rng&) {
    return sum(square(good)) + sum(sqrt(bad));  // finite, but the root is vertical at 0
  };
  const std::string message = message_of<NonFiniteError>([&] {
    train({{"good", &good}, {"bad", &bad}}, loss, numbered(4), {.epochs = 1});
  });
  CHECK(contains(message, "epoch 1, step 1: the gradient is not finite"));
  CHECK(contains(message, "a gradient from sqrt is not finite, at parameter bad; hint: "));
  CHECK(difference(good.value(), ones({2})) == "");
}

TEST_CASE("where a number stops being finite is told by operation and parameter") {
  Rng rng(30);
  Mlp mlp({2, 8, 8, 1}, rng);
  Coupling coupling(2, affine(std::numeric_limits<real>::infinity()), {}, rng);
  const Data data{rng.normal({4, 2}), {}};
  const auto message = [&](const Parameters& parameters, const Loss& loss) {
    return message_of<NonFiniteError>([&] { train(parameters, loss, data, {.epochs = 1}); });
  };
  SECTION("in a fused network") {
    Tensor b = mlp.layers[1].b.value();
    b.mutable_data()[3] = kInfinity;
    mlp.layers[1].b = b;
    const std::string text = message(
        parameters(mlp), [&](const Data& batch, Rng&) { return mean(square(mlp(batch.points))); });
    CAPTURE(text);
    CHECK(contains(text, ": the result of parameter is not finite, at parameter 1.bias; hint: "));
  }
  SECTION("in a fused coupling") {
    coupling.networks()[0].layers.back().b = Tensor(Shape{1}, real(-1e4));  // exp(-s) overflows
    const std::string text = message(parameters(coupling), [&](const Data& batch, Rng&) {
      return mean(coupling.to_latent(batch.points).points);
    });
    CAPTURE(text);
    CHECK(contains(text, ": the result of exp is not finite, at parameter shift.4."));
  }
}

TEST_CASE("an error in the loss comes through from any shard") {
  Parameter p{zeros({1})};
  const Loss loss = [&](const Data& batch, Rng&) {
    return mean(square(p - batch.points)) + sum(Var(ones({2})) * ones({3}));
  };
  CHECK_THROWS_AS(train({{"p", &p}}, loss, numbered(10), {.shards = 3}), ShapeError);
}

TEST_CASE("options and data that make no sense are refused") {
  struct Row {
    std::function<void(TrainingOptions&, Data&)> change;
    std::string message;
  };
  const Row rows[] = {
      {[](auto& o, auto&) { o.epochs = 0; }, "train: 0 epochs given; at least 1"},
      {[](auto& o, auto&) { o.batch = 0; }, "train: a batch of 0 given; at least 1"},
      {[](auto& o, auto&) { o.shards = -1; }, "train: -1 shards given; at least 1"},
      {[](auto& o, auto&) { o.learning_rate = -1; },
       "train: a learning rate of -1 given; 0 or more"},
      {[](auto& o, auto&) { o.learning_rate = kNan; },
       "train: a learning rate of nan given; 0 or more"},
      {[](auto& o, auto&) { o.learning_rate = kInfinity; },
       "train: a learning rate of inf given; 0 or more"},
      {[](auto& o, auto&) { o.largest_gradient = 0; },
       "train: a largest gradient of 0 given; more than 0"},
      {[](auto& o, auto&) { o.largest_gradient = kNan; },
       "train: a largest gradient of nan given; more than 0"},
      {[](auto&, auto& d) {
         d.points = zeros({0, 3});
       },
       "train: points (0, 3) given; (N, D) with N > 0 is required"},
      {[](auto&, auto& d) { d.points = zeros({6}); },
       "train: points (6) given; (N, D) with N > 0 is required"},
      {[](auto&, auto& d) {
         d.labels = {1, 2};
       },
       "Data: 2 labels for 10 points given; one for each, or none"},
  };
  for (const Row& row : rows) {
    TrainingOptions options;
    Data data = data_of_products(10);
    row.change(options, data);
    Regression model;
    CHECK(message_of<ShapeError>([&] { train(parameters(model), model.loss(), data, options); }) ==
          row.message);
  }
}

}  // namespace
}  // namespace gradflow
