#include "experiments/run/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>

#include "experiments/run/files/checkpoint.h"
#include "experiments/draw/process.h"
#include "experiments/run/progress.h"
#include "tensor/error.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

using nlohmann::json;

std::atomic<bool> stop_requested = false;
std::atomic<int> stop_signal = 0;
std::string farewell;  // what is said when a signal ends the program after the training

// The first Ctrl-C asks the training loop to save and stop, a second one ends the program at once.
void request_stop(int signal) {
  stop_signal = signal;
  stop_requested = true;
}

// The handler was reset when it was called: raised again, the signal ends the program.
void say_farewell(int signal) {
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, farewell.data(), farewell.size());
  kill_processes();  // gnuplot, and what makes the animation
  ::raise(signal);
}

void on_interrupt(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// The weights are safe. From here on there is nothing that a signal would have to wait for.
void training_is_over(const RunOptions& options) {
  farewell = fmt::format("\n{}: stopped; the weights are saved; go on with: {} --figures-only\n",
                         options.program, options.command);
  on_interrupt(say_farewell);
  if (stop_requested) ::raise(stop_signal);  // it came during the last epoch
}

json to_json(const History& history) {
  json epochs = json::array();
  for (const Epoch& e : history.epochs)
    epochs.push_back({{"number", e.number},
                      {"loss", e.loss},
                      {"learning_rate", e.learning_rate},
                      {"seconds", e.seconds},
                      {"metrics", e.metrics}});
  return {{"epochs", epochs},
          {"seconds", history.seconds},
          {"steps_per_second", history.steps_per_second}};
}

// JSON has no NaN: it is written as null.
double number_from(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

History history_from(const std::string& text) {
  const json object = json::parse(text);
  History history;
  for (const json& e : object.at("epochs")) {
    Epoch epoch{e.at("number"),
                number_from(e.at("loss")),
                number_from(e.at("learning_rate")),
                number_from(e.at("seconds")),
                {}};
    for (const auto& [name, value] : e.at("metrics").items())
      epoch.metrics[name] = number_from(value);
    if (!history.epochs.empty() && epoch.metrics.size() != history.epochs[0].metrics.size())
      throw FileError("its epochs have different metrics");
    history.epochs.push_back(std::move(epoch));
  }
  if (history.epochs.empty()) throw FileError("it has no epochs");
  history.seconds = number_from(object.at("seconds"));
  history.steps_per_second = number_from(object.at("steps_per_second"));
  return history;
}

void write_log(const std::filesystem::path& path, const std::vector<Epoch>& epochs) {
  std::string text = "epoch,loss,learning_rate,seconds";
  for (const auto& [name, value] : epochs.front().metrics) text += "," + name;
  for (const Epoch& e : epochs) {
    text += fmt::format("\n{},{:.9g},{:.9g},{:.4g}", e.number, e.loss, e.learning_rate, e.seconds);
    for (const auto& [name, value] : e.metrics) text += fmt::format(",{:.9g}", value);
  }
  write_file(path, text + "\n");
}

std::string file_name(const std::string& model) { return model + ".safetensors"; }

void save_model(const Trainable& model, const RunOptions& options, const History& history) {
  TensorFile file{values(model.parameters), options.settings()};
  file.tensors.insert(model.constants.begin(), model.constants.end());
  file.metadata["format"] = "gradflow model 1";
  file.metadata["model"] = model.name;
  file.metadata["history"] = to_json(history).dump();
  save_tensors(options.out / file_name(model.name), file);
}

TrainingOptions training_options(const RunOptions& options) {
  TrainingOptions training;
  training.epochs = options.epochs;
  training.batch = options.batch;
  training.shards = options.shards;
  training.learning_rate = options.learning_rate;
  training.largest_gradient = options.clip;
  training.seed = options.seed;
  return training;
}

RunIdentity identity(const Trainable& model, const RunOptions& options,
                     const TrainingOptions& training) {
  std::map<std::string, std::string> settings = options.settings();
  settings["model"] = model.name;
  return identity_of(training, model.data.size(), settings, model.constants);
}

}  // namespace

History train_and_save(const Trainable& model, const RunOptions& options) {
  ProgressBar bar(model.name);
  std::vector<Epoch> epochs;
  TrainingHooks hooks;
  hooks.validate = model.validate;
  hooks.on_step = [&](const Progress& progress) { bar.on_step(progress); };
  hooks.on_epoch = [&](const Epoch& epoch) {
    epochs.push_back(epoch);
    bar.on_epoch(epoch, options.epochs);
    write_log(options.out / (model.name + "_log.csv"), epochs);
  };
  hooks.stop = &stop_requested;
  const TrainingOptions training = training_options(options);
  const std::filesystem::path checkpoint = options.out / (model.name + ".checkpoint.safetensors");
  keep_checkpoints(hooks, checkpoint, options.resume, identity(model, options, training));
  on_interrupt(request_stop);
  fmt::print("{}: {} parameters, {} points, {} epochs of batches of {}, seed {}, {} threads\n",
             model.name, count(model.parameters), model.data.size(), options.epochs, options.batch,
             options.seed, threads());
  std::fflush(stdout);
  const TrainingResult result = train(model.parameters, model.loss, model.data, training, hooks);
  if (result.stopped) {
    fmt::print("\nstopped; saved in {}; go on with: {} --resume\n", checkpoint.string(),
               options.command);
    std::exit(128 + stop_signal);
  }
  History history{result.epochs, result.seconds, result.steps_per_second,
                  hash_tensors(values(model.parameters))};
  save_model(model, options, history);
  fmt::print("{}: trained in {:.1f} s, {:.0f} steps/s; weights {} in {}\n", model.name,
             history.seconds, history.steps_per_second, history.weights_hash,
             (options.out / file_name(model.name)).string());
  std::fflush(stdout);
  training_is_over(options);
  return history;
}

Saved load_saved(const std::string& name, RunOptions& options) {
  const std::filesystem::path path = options.out / file_name(name);
  if (!std::filesystem::exists(path))
    throw FileError(
        fmt::format("load: {}: not there; {} needs the weights of an earlier run; hint: {}",
                    path.string(), options.figures_only ? "--figures-only" : options.program,
                    options.figures_only ? fmt::format("run {} without it", options.program)
                                         : "experiments/reproduce.sh trains all models"));
  if (options.figures_only) training_is_over(options);
  return saved_in(load_tensors(path), name, path, options);
}

Saved saved_in(TensorFile file, const std::string& name, const std::filesystem::path& path,
               RunOptions& options) {
  if (file.metadata["model"] != name)
    throw FileError(fmt::format("load: {}: not the weights of {}", path.string(), name));
  try {
    options.take_settings(file.metadata);
    return {std::move(file.tensors), history_from(file.metadata["history"])};
  } catch (const std::exception& error) {  // of JSON, or one of the above
    throw FileError(fmt::format("load: {}: its history or settings cannot be read: {}",
                                path.string(), error.what()));
  }
}

// What is nested deeper than any report is taken for broken: writing it again would need a stack as
// deep. Returns null for what is not JSON.
static json parse_shallow(const std::string& text) {
  constexpr int kDeepest = 100;
  bool deep = false;
  json value = json::parse(
      text, [&deep](int depth, json::parse_event_t, json&) { return !(deep |= depth > kDeepest); },
      false);
  return deep || value.is_discarded() ? json() : value;
}

// Keeps other experiments from a directory while it is in scope. If it cannot be locked, goes on.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& directory)
      : descriptor_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ >= 0) ::flock(descriptor_, LOCK_EX);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  int descriptor_;
};

void write_report(const std::filesystem::path& out, const std::string& name, const json& section) {
  const DirectoryLock lock(out);  // each reads the sections of the others and writes them again
  const std::filesystem::path path = out / "report.json";
  json report = json::object();
  if (std::filesystem::exists(path)) {
    report = parse_shallow(read_file(path));
    if (!report.is_object()) {
      fmt::print(stderr, "{}: not a JSON object; kept as report.json.broken and written anew\n",
                 path.string());
      std::filesystem::rename(path, path.string() + ".broken");
      report = json::object();
    }
  }
  report[name] = section;
  write_file(path, report.dump(2) + "\n");
}

json report_basics(const Parameters& parameters, const History& history,
                   const RunOptions& options) {
  json loss = json::array();
  for (const Epoch& epoch : history.epochs) loss.push_back(epoch.loss);
  return {{"parameters", count(parameters)},
          {"loss", loss},
          {"train_seconds", history.seconds},
          {"steps_per_second", history.steps_per_second},
          {"seed", options.seed},
          {"weights_hash", history.weights_hash},
          {"options", options.settings()}};
}

int run_experiment(const RunOptions& options, const std::function<void()>& body) {
  try {
    if (options.threads > 0) set_threads(options.threads);
    std::filesystem::create_directories(options.out);
    body();
    return 0;
  } catch (const std::bad_alloc&) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: out of memory; hint: fewer --points, or a smaller --batch\n",
               options.program);
    return 1;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: {}\n", options.program, error.what());
    return 1;
  }
}

}  // namespace gradflow
