#include "experiments/session.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/gnuplot.h"
#include "experiments/progress.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/safetensors.h"

namespace gradflow {
namespace {

using nlohmann::json;

std::atomic<bool> stop_requested = false;

// The first Ctrl-C asks the training loop to save and stop, a second one ends the program at once.
void request_stop(int) { stop_requested = true; }

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
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

History history_from(const std::string& text) {
  try {
    const json object = json::parse(text);
    History history;
    for (const json& e : object.at("epochs"))
      history.epochs.push_back({e.at("number"), e.at("loss"), e.at("learning_rate"),
                                e.at("seconds"), e.at("metrics").get<Metrics>()});
    history.seconds = object.at("seconds");
    history.steps_per_second = object.at("steps_per_second");
    return history;
  } catch (const json::exception& error) {
    throw FileError(
        fmt::format("load: the history saved with the weights cannot be read: {}", error.what()));
  }
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

TrainingOptions training_options(const Trainable& model, const RunOptions& options) {
  TrainingOptions training;
  training.epochs = options.epochs;
  training.batch = options.batch;
  training.shards = options.shards;
  training.learning_rate = options.learning_rate;
  training.largest_gradient = options.clip;
  training.seed = options.seed;
  training.checkpoint = options.out / (model.name + ".checkpoint.safetensors");
  training.resume = options.resume;
  training.settings = options.settings();
  training.settings["model"] = model.name;
  return training;
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
  catch_interrupts();
  fmt::print("{}: {} parameters, {} points, {} epochs of batches of {}, seed {}, {} threads\n",
             model.name, count(model.parameters), model.data.size(), options.epochs, options.batch,
             options.seed, threads());
  std::fflush(stdout);
  const TrainingOptions training = training_options(model, options);
  const TrainingResult result = train(model.parameters, model.loss, model.data, training, hooks);
  if (result.stopped) {
    fmt::print("\nstopped; saved in {}; go on with: {} --resume\n", training.checkpoint.string(),
               options.command);
    std::exit(130);
  }
  History history{result.epochs, result.seconds, result.steps_per_second,
                  hash_tensors(values(model.parameters))};
  save_model(model, options, history);
  fmt::print("{}: trained in {:.1f} s, {:.0f} steps/s; weights {} in {}\n", model.name,
             history.seconds, history.steps_per_second, history.weights_hash,
             (options.out / file_name(model.name)).string());
  return history;
}

Saved load_saved(const std::string& name, RunOptions& options) {
  const std::filesystem::path path = options.out / file_name(name);
  if (!std::filesystem::exists(path))
    throw FileError(
        fmt::format("load: {}: not there; --figures-only needs the weights of an earlier "
                    "run; hint: run {} without it",
                    path.string(), options.program));
  TensorFile file = load_tensors(path);
  if (file.metadata["model"] != name)
    throw FileError(fmt::format("load: {}: not the weights of {}", path.string(), name));
  options.take_settings(file.metadata);
  return {std::move(file.tensors), history_from(file.metadata["history"])};
}

void write_report(const std::filesystem::path& out, const std::string& name, const json& section) {
  const std::filesystem::path path = out / "report.json";
  json report = json::object();
  if (std::filesystem::exists(path)) {
    report = json::parse(read_file(path), nullptr, false);
    if (!report.is_object()) {
      fmt::print(stderr, "{}: not JSON; kept as report.json.broken and written anew\n",
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
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: {}\n", options.program, error.what());
    return 1;
  }
}

}  // namespace gradflow
