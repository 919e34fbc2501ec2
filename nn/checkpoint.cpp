#include "nn/checkpoint.h"

#include <fmt/format.h>

#include <sstream>

#include "tensor/error.h"
#include "tensor/safetensors.h"

namespace gradflow {
namespace {

constexpr const char* kFormat = "gradflow checkpoint 1";
const std::string kModel = "model.", kOptimizer = "optimizer.", kSetting = "setting.";

// One line an epoch: number, loss, rate, seconds, then pairs of metric names and values.
// 17 digits give every double back exactly.
std::string format_epochs(const std::vector<Epoch>& epochs) {
  std::string text;
  for (const Epoch& epoch : epochs) {
    text += fmt::format("{} {:.17g} {:.17g} {:.17g}", epoch.number, epoch.loss, epoch.learning_rate,
                        epoch.seconds);
    for (const auto& [name, value] : epoch.metrics) text += fmt::format(" {} {:.17g}", name, value);
    text += '\n';
  }
  return text;
}

std::vector<Epoch> parse_epochs(const std::string& text) {
  std::vector<Epoch> epochs;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Epoch epoch;
    std::string loss, rate, seconds, name, value;
    words >> epoch.number >> loss >> rate >> seconds;
    epoch.loss = std::stod(loss);  // unlike >>, it reads "nan" and "inf"
    epoch.learning_rate = std::stod(rate);
    epoch.seconds = std::stod(seconds);
    while (words >> name >> value) epoch.metrics[name] = std::stod(value);
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

std::string lookup(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  require<FileError>(found != file.metadata.end(), "it has no \"{}\"", key);
  return found->second;
}

void check_settings(const TensorFile& file, const std::map<std::string, std::string>& settings) {
  for (const auto& [name, value] : settings) {
    const std::string saved = lookup(file, kSetting + name);
    require<FileError>(saved == value,
                       "it was made with {} {}, this run has {}; hint: give the same options, or "
                       "start anew without --resume",
                       name, saved, value);
  }
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Optimizer& optimizer,
                     const TrainingState& state,
                     const std::map<std::string, std::string>& settings) {
  TensorFile file;
  for (const auto& [name, x] : values(optimizer.parameters())) file.tensors[kModel + name] = x;
  for (const auto& [name, x] : optimizer.state()) file.tensors[kOptimizer + name] = x;
  for (const auto& [name, value] : settings) file.metadata[kSetting + name] = value;
  file.metadata["format"] = kFormat;
  file.metadata["optimizer_steps"] = fmt::format("{}", optimizer.steps());
  file.metadata["epoch"] = fmt::format("{}", state.epoch);
  file.metadata["step"] = fmt::format("{}", state.step);
  file.metadata["loss_sum"] = fmt::format("{:.17g}", state.loss_sum);
  file.metadata["seconds"] = fmt::format("{:.17g}", state.seconds);
  file.metadata["epochs"] = format_epochs(state.epochs);
  save_tensors(path, file);
}

TrainingState load_checkpoint(const std::filesystem::path& path, Optimizer& optimizer,
                              const std::map<std::string, std::string>& settings) {
  const TensorFile file = load_tensors(path);
  try {
    const auto format = file.metadata.find("format");
    require<FileError>(format != file.metadata.end() && format->second == kFormat, "not a \"{}\"",
                       kFormat);
    check_settings(file, settings);
    TrainingState state;
    state.epoch = std::stoll(lookup(file, "epoch"));
    state.step = std::stoll(lookup(file, "step"));
    state.loss_sum = std::stod(lookup(file, "loss_sum"));
    state.seconds = std::stod(lookup(file, "seconds"));
    state.epochs = parse_epochs(lookup(file, "epochs"));
    const Index steps = std::stoll(lookup(file, "optimizer_steps"));
    require<FileError>(state.step >= 0 && steps >= 0 && std::ssize(state.epochs) == state.epoch,
                       "its epoch and step counts contradict each other");
    optimizer.restore(with_prefix(file.tensors, kOptimizer), steps);
    assign(optimizer.parameters(), with_prefix(file.tensors, kModel));
    return state;
  } catch (const Error& error) {
    throw FileError(fmt::format("resume: {}: {}", path.string(), error.what()));
  } catch (const std::logic_error&) {  // from stoll and stod
    throw FileError(fmt::format("resume: {}: a number in it cannot be read", path.string()));
  }
}

}  // namespace gradflow
