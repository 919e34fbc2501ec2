#include "experiments/run/session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <new>
#include <thread>

#include "experiments/run/files/checkpoint.h"
#include "experiments/run/progress.h"
#include "experiments/run/say.h"
#include "nn/ranks.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

void write_log(const std::filesystem::path& path, const std::vector<Epoch>& epochs) {
  std::string text = "epoch,loss,learning_rate,seconds";
  for (const auto& [name, value] : epochs.front().metrics) text += "," + name;
  for (const Epoch& e : epochs) {
    text += fmt::format("\n{},{:.9g},{:.9g},{:.4g}", e.number, e.loss, e.learning_rate, e.seconds);
    for (const auto& [name, value] : e.metrics) text += fmt::format(",{:.9g}", value);
  }
  write_file(path, text + "\n");
}

void save_model(const Trainable& model, const RunOptions& options, const Settings& settings,
                const History& history) {
  TensorFile file{tensors(model.parameters), texts_of(settings)};
  for (const auto& [name, x] : model.constants)
    require(file.tensors.emplace(name, x).second, "save: two tensors are named \"{}\"", name);
  file.metadata["format"] = "gradflow model 1";
  file.metadata["model"] = model.name;
  file.metadata["history"] = to_text(history);
  save_tensors(weights_file(model.name, options), file);
}

RunIdentity identity(const Trainable& model, const RunOptions& options, const Settings& settings) {
  Texts texts = texts_of(settings);
  texts["model"] = model.name;
  return identity_of(options.training, model.data.size(), texts, model.constants);
}

// What is wrong on all ranks the first says, and ends them all; what this one alone has met, it
// says itself when that has not come about.
void say_alone(const std::string& text) {
  std::this_thread::sleep_for(std::chrono::seconds(2));
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  end_all_ranks(1);
}

// What a person should know before a run goes on for another number of epochs than it was made for.
void tell_lengths(const std::string& name, const TrainingState& state, Index epochs) {
  if (state.lengths.empty() || state.lengths.back() == epochs) return;
  say("{}: made for {} epochs, goes on for {} in all: from epoch {} on the learning rate follows "
      "the cosine of {}; the result is not that of {} from the start\n",
      name, fmt::join(state.lengths, ", then "), epochs, state.epochs.size() + 1, epochs, epochs);
}

}  // namespace

std::filesystem::path weights_file(const std::string& name, const RunOptions& options) {
  return options.out / (name + ".safetensors");
}

Outcome train_and_save(const Trainable& model, const RunOptions& options, const Settings& settings,
                       const StopRequests& stop) {
  const TrainingOptions& training = options.training;
  ProgressBar bar(model.name);
  std::vector<Epoch> epochs;
  TrainingHooks hooks;
  hooks.validate = model.validate;
  hooks.on_step = [&](const Progress& progress) { bar.on_step(progress); };
  hooks.on_epoch = [&](const Epoch& epoch) {
    epochs.push_back(epoch);
    bar.on_epoch(epoch, training.epochs);
    write_log(options.out / (model.name + "_log.csv"), epochs);
  };
  hooks.stop = &stop.requested();
  check_same(model.name + ": the settings", fmt::format("{}", texts_of(settings)));
  const std::filesystem::path checkpoint = options.out / (model.name + ".checkpoint.safetensors");
  keep_checkpoints(hooks, model.parameters, checkpoint, options.resume,
                   identity(model, options, settings));
  if (hooks.restore)
    hooks.restore = [&, restore = hooks.restore](Optimizer& optimizer) {
      TrainingState state = restore(optimizer);
      tell_lengths(model.name, state, training.epochs);
      return state;
    };
  if (rank() != 0) hooks.validate = {}, hooks.on_epoch = {}, hooks.save = {};  // the first does it
  Weights weights(model.parameters);
  say("{}: {} parameters, {} points, {} epochs of batches of {}, seed {}, {} threads{}, {} "
      "arithmetic\n",
      model.name, weights.count(), model.data.size(), training.epochs, training.batch,
      training.seed, threads(), ranks() > 1 ? fmt::format(" in each of {} processes", ranks()) : "",
      options.arithmetic);
  const TrainingResult result = train(weights, model.loss, model.data, training, hooks);
  if (result.stopped) {
    complain("\n{}: stopped; saved in {}; go on with: {} --resume\n", options.program,
             checkpoint.string(), options.command);
    return {{}, stop.signal()};
  }
  const History history{result.epochs,
                        result.lengths,
                        result.seconds,
                        result.steps_per_second,
                        hash_tensors(tensors(model.parameters)),
                        library_has_multiplied()};
  if (rank() == 0) save_model(model, options, settings, history);
  say("{}: trained in {:.1f} s, {:.0f} steps/s; weights {} in {}\n", model.name, history.seconds,
      history.steps_per_second, history.weights_hash, weights_file(model.name, options).string());
  if (history.library_products)
    say("{}: some products were OpenBLAS's: with another processor the last bits may differ; "
        "--products ours keeps them\n",
        model.name);
  return {history, 0};
}

Saved load_saved(const std::string& name, const RunOptions& options, const Settings& settings) {
  const std::filesystem::path path = weights_file(name, options);
  if (!std::filesystem::exists(path))
    throw FileError(
        fmt::format("load: {}: not there; {} needs the weights of an earlier run; hint: {}",
                    path.string(), options.figures_only ? "--figures-only" : options.program,
                    options.figures_only ? fmt::format("run {} without it", options.program)
                                         : "experiments/reproduce.sh trains all models"));
  return saved_in(load_tensors(path), name, path, settings);
}

Saved saved_in(TensorFile file, const std::string& name, const std::filesystem::path& path,
               const Settings& settings) {
  if (file.metadata["model"] != name)
    throw FileError(fmt::format("load: {}: not the weights of {}", path.string(), name));
  try {
    read_texts(settings, file.metadata);
    return {file.all(), history_from(file.metadata["history"])};
  } catch (const std::exception& error) {  // of JSON, or one of the above
    throw FileError(fmt::format("load: {}: its tensors, settings or history cannot be read: {}",
                                path.string(), error.what()));
  }
}

std::string going_on(const RunOptions& options) {
  return fmt::format("\n{}: stopped; the weights are saved; go on with: {} --figures-only\n",
                     options.program, options.command);
}

int run_program(const RunOptions& options, const std::function<int()>& body) {
  std::string wrong;
  try {
    ignore_closed_pipes();
    if (options.threads > 0) set_threads(options.threads);
    set_arithmetic(options.arithmetic == name_of(Arithmetic::fused) ? Arithmetic::fused
                                                                    : Arithmetic::portable);
    set_products(options.products == name_of(Products::ours) ? Products::ours : Products::fastest);
    std::filesystem::create_directories(options.out);
    const int code = body();
    if (code != 0 || all_was_said()) return code;
    wrong = fmt::format("what it had to say could not all be written; its files are in {}",
                        options.out.string());
  } catch (const std::bad_alloc&) {
    wrong = "out of memory; hint: fewer --points, or a smaller --batch";
  } catch (const std::exception& error) {
    wrong = error.what();
  }
  if (rank() != 0) say_alone(fmt::format("{}: rank {}: {}\n", options.program, rank(), wrong));
  complain("{}: {}\n", options.program, wrong);
  if (ranks() > 1) end_all_ranks(1);  // the others may be waiting for this one
  return 1;
}

}  // namespace gradflow
