#include "experiments/run/files/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "experiments/run/files/parse.h"
#include "nn/ranks.h"
#include "tensor/error.h"

namespace gradflow {
namespace {

constexpr const char* kFormat = "gradflow checkpoint 3";
const std::string kModel = "model.", kOptimizer = "optimizer.", kConstant = "constant.";
const std::string kSetting = "setting.";

// Of each epoch: number, loss, rate, seconds, how many metrics, and their quoted names and values.
// 17 digits give every double back exactly.
std::string format_epochs(const std::vector<Epoch>& epochs) {
  std::ostringstream text;
  for (const Epoch& epoch : epochs) {
    text << fmt::format("{} {:.17g} {:.17g} {:.17g} {}", epoch.number, epoch.loss,
                        epoch.learning_rate, epoch.seconds, epoch.metrics.size());
    for (const auto& [name, value] : epoch.metrics)
      text << ' ' << std::quoted(name) << fmt::format(" {:.17g}", value);
    text << '\n';
  }
  return text.str();
}

std::vector<Epoch> parse_epochs(const std::string& text) {
  std::vector<Epoch> epochs;
  std::istringstream words(text);
  for (std::string number; words >> number;) {
    std::string loss, rate, seconds, metrics;
    words >> loss >> rate >> seconds >> metrics;
    Epoch epoch{
        parse<Index>(number), parse<double>(loss), parse<double>(rate), parse<double>(seconds), {}};
    for (auto left = parse<Index>(metrics); left > 0; --left) {
      std::string name, value;  // empty where the text has ended, which is no number
      words >> std::quoted(name) >> value;
      epoch.metrics[name] = parse<double>(value);
    }
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

std::string format_lengths(const std::vector<Index>& lengths) {
  return fmt::format("{}", fmt::join(lengths, " "));
}

std::vector<Index> parse_lengths(const std::string& text) {
  std::vector<Index> lengths;
  std::istringstream words(text);
  for (std::string word; words >> word;) lengths.push_back(parse<Index>(word));
  return lengths;
}

std::string lookup(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  require<FileError>(found != file.metadata.end(), "it has no \"{}\"", key);
  return found->second;
}

// Throws if the file has something under this prefix that this run has not.
void check_no_more(const auto& saved, const std::string& prefix, const auto& run) {
  for (const auto& [key, value] : saved)
    require<FileError>(!key.starts_with(prefix) || run.contains(key.substr(prefix.size())),
                       "it has \"{}\", which this run has not; hint: start anew without --resume",
                       key);
}

void check_settings(const TensorFile& file, const Texts& settings) {
  for (const auto& [name, value] : settings) {
    const std::string saved = lookup(file, kSetting + name);
    require<FileError>(saved == value,
                       "it was made with {} {}, this run has {}; hint: give the same options, or "
                       "start anew without --resume",
                       name, saved, value);
  }
  check_no_more(file.metadata, kSetting, settings);
}

void check_constants(const TensorFile& file, const NamedTensors& constants) {
  for (const auto& [name, x] : constants) {
    const auto saved = file.tensors.find(kConstant + name);
    require<FileError>(saved != file.tensors.end(), "it has no constant {}", name);
    require<FileError>(
        hash_tensors({*saved}) == hash_tensors({{saved->first, x}}),
        "it was made with another {}, by another version of the program; hint: start "
        "anew without --resume",
        name);
  }
  check_no_more(file.tensors, kConstant, constants);
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Parameters& parameters,
                     const Optimizer& optimizer, const TrainingState& state,
                     const RunIdentity& run) {
  TensorFile file;
  for (const auto& [name, x] : tensors(parameters)) file.tensors[kModel + name] = x;
  for (const auto& [name, x] : optimizer.state()) file.tensors[kOptimizer + name] = x;
  for (const auto& [name, x] : run.constants) file.tensors[kConstant + name] = x;
  for (const auto& [name, value] : run.settings) file.metadata[kSetting + name] = value;
  file.metadata["format"] = kFormat;
  file.metadata["optimizer_steps"] = fmt::format("{}", optimizer.steps());
  file.metadata["epoch"] = fmt::format("{}", state.epochs.size());
  file.metadata["step"] = fmt::format("{}", state.step);
  file.metadata["loss_sum"] = fmt::format("{:.17g}", state.loss_sum);
  file.metadata["seconds"] = fmt::format("{:.17g}", state.seconds);
  file.metadata["epochs"] = format_epochs(state.epochs);
  file.metadata["lengths"] = format_lengths(state.lengths);
  save_tensors(path, file);
}

TrainingState restore_checkpoint(const TensorFile& file, const std::string& name,
                                 const Parameters& parameters, Optimizer& optimizer,
                                 const RunIdentity& run) {
  try {
    const std::string format =
        file.metadata.contains("format") ? file.metadata.at("format") : "file without a format";
    require<FileError>(format == kFormat, "it is not a \"{}\" but a \"{}\"", kFormat, format);
    check_settings(file, run.settings);
    check_constants(file, run.constants);
    TrainingState state;
    const auto epoch = parse<Index>(lookup(file, "epoch"));
    state.step = parse<Index>(lookup(file, "step"));
    state.loss_sum = parse<double>(lookup(file, "loss_sum"));
    state.seconds = parse<double>(lookup(file, "seconds"));
    state.epochs = parse_epochs(lookup(file, "epochs"));
    state.lengths = parse_lengths(lookup(file, "lengths"));
    const auto steps = parse<Index>(lookup(file, "optimizer_steps"));
    const bool in_range =
        std::ssize(state.epochs) == epoch && state.step >= 0 && state.step <= run.steps;
    const Index begun = in_range ? epoch + (state.step > 0) : 0,
                length = state.lengths.empty() ? 0 : state.lengths.back();
    require<FileError>(in_range && begun <= length && steps == epoch * run.steps + state.step,
                       "its epoch {}, step {} and optimizer_steps {} contradict each other, its {} "
                       "epochs or the {} steps in an epoch of this run",
                       epoch, state.step, steps, length, run.steps);
    require<FileError>(begun <= run.epochs,
                       "it stands in epoch {}, this run has {}; hint: ask for at least {} epochs, "
                       "or start anew without --resume",
                       begun, run.epochs, begun);
    const NamedTensors before = tensors(parameters);
    load(parameters, with_prefix(file.all(), kModel));
    try {
      optimizer.restore(with_prefix(file.tensors, kOptimizer), steps);
    } catch (const Error&) {
      load(parameters, before);  // nothing is changed by half
      throw;
    }
    return state;
  } catch (const Error& error) {
    throw FileError(fmt::format("resume: {}: {}", name, error.what()));
  }
}

RunIdentity identity_of(TrainingOptions options, Index points, const Texts& settings,
                        const NamedTensors& constants) {
  RunIdentity run{settings, constants, options.epochs, 0};
  const Index batch = std::max<Index>(options.batch, 1);  // train() refuses what is less
  run.steps = steps_in_epoch(points, batch);
  run.settings.merge(texts_of(settings_of(options)));
  run.settings.erase("epochs");  // a run may go on for longer
  run.settings["points"] = fmt::format("{}", points);
  return run;
}

void keep_checkpoints(TrainingHooks& hooks, const Parameters& parameters,
                      const std::filesystem::path& path, bool resume, const RunIdentity& run) {
  hooks.save = [=](const Optimizer& optimizer, const TrainingState& state) {
    save_checkpoint(path, parameters, optimizer, state, run);
  };
  if (!resume) return;
  hooks.restore = [=](Optimizer& optimizer) {
    // Of several processes the first reads.
    if (!on_any_rank(rank() == 0 && std::filesystem::exists(path))) return TrainingState{};
    std::string bytes = rank() == 0 ? read_file(path) : "";
    broadcast(bytes);
    const std::string name = path.string();
    return restore_checkpoint(decode_tensors(bytes, name), name, parameters, optimizer, run);
  };
}

TrainingState load_checkpoint(const std::filesystem::path& path, const Parameters& parameters,
                              Optimizer& optimizer, const RunIdentity& run) {
  return restore_checkpoint(load_tensors(path), path.string(), parameters, optimizer, run);
}

}  // namespace gradflow
