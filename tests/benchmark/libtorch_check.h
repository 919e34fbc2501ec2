// Does libtorch compute what this library computed? Weights, a batch and results come in a file.
#pragma once

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "tests/benchmark/libtorch_models.h"

namespace benchmark {

using TensorFile = std::map<std::string, Tensor>;

// The float32 tensors of a safetensors file: a length, a JSON header, the numbers.
inline TensorFile read_safetensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  const std::string bytes = contents.str();
  std::uint64_t length = 0;
  if (bytes.size() < sizeof length) throw std::runtime_error(path + " is no safetensors file");
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::size_t begin = sizeof length + length;
  TensorFile tensors;
  const auto header = nlohmann::json::parse(bytes.substr(sizeof length, length));
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const auto shape = entry.at("shape").get<std::vector<std::int64_t>>();
    const auto offset = entry.at("data_offsets").at(0).get<std::size_t>();
    Tensor tensor = torch::empty(shape);
    std::memcpy(tensor.data_ptr<float>(), bytes.data() + begin + offset, tensor.nbytes());
    tensors[name] = tensor;
  }
  return tensors;
}

inline double largest(const Tensor& x) { return x.abs().max().item<double>(); }

// The largest difference between lists of tensors, relative to the largest number in the second;
// infinity if there is a NaN in either, or nothing to compare.
inline double difference(const std::vector<Tensor>& found, const std::vector<Tensor>& expected) {
  double apart = 0, scale = 0;
  bool finite = true;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double distance = largest(found.at(i).detach() - expected[i]);
    finite = finite && std::isfinite(distance);
    apart = std::max(apart, distance);
    scale = std::max(scale, largest(expected[i]));
  }
  return finite && scale > 0 ? apart / scale : std::numeric_limits<double>::infinity();
}

// The file's tensors "<kind> <name>" in the order of the parameters.
inline std::vector<Tensor> of_kind(const TensorFile& file, const std::string& kind,
                                   const Model& model) {
  std::vector<Tensor> list;
  for (const auto& item : model.named_parameters())
    list.push_back(file.at(kind + " " + item.key()));
  return list;
}

inline void load_weights(Model& model, const TensorFile& file) {
  torch::NoGradGuard no_grad;
  const auto weights = of_kind(file, "weight", model);
  auto parameters = model.parameters();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (parameters[i].sizes() != weights[i].sizes())
      throw std::runtime_error("the models' parameters differ in shape");
    parameters[i].copy_(weights[i]);
  }
}

inline void set_gradients(Model& model, const std::vector<Tensor>& gradients, double factor) {
  auto parameters = model.parameters();
  for (std::size_t i = 0; i < gradients.size(); ++i)
    parameters[i].mutable_grad().copy_(gradients[i]).mul_(factor);
}

// The loss of a batch, its gradient, and two steps of Adam.
inline nlohmann::json check_training(Model& model, const TensorFile& file) {
  Batch batch;
  batch.points = file.at("points");
  if (file.count("labels")) batch.labels = file.at("labels").to(torch::kLong);
  if (file.count("y_t")) {
    batch.y_t = file.at("y_t");
    batch.t = file.at("t");
    batch.velocity = file.at("velocity");
  }
  const Tensor loss = model.loss(batch);
  loss.backward();
  std::vector<Tensor> gradients;
  for (const Tensor& p : model.parameters()) gradients.push_back(p.grad().clone());
  const auto expected = of_kind(file, "gradient", model);

  // Adam divides by the size of the gradient: where that is nothing but rounding, steps from the
  // two gradients would have nothing in common. So both programs step along the same one.
  torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(kLearningRate));
  set_gradients(model, expected, 1);
  const double norm = torch::nn::utils::clip_grad_norm_(model.parameters(), kLongestGradient);
  adam.step();
  set_gradients(model, expected, 0.25 * std::min(1.0, kLongestGradient / norm));
  adam.step();
  return {{"loss", difference({loss}, {file.at("loss")})},
          {"gradient", difference(gradients, expected)},
          {"two steps of Adam", difference(model.parameters(), of_kind(file, "stepped", model))}};
}

// How far the results are from those in the file, by what they are.
inline nlohmann::json check(const std::string& workload, const std::string& path) {
  torch::set_num_threads(1);
  const TensorFile file = read_safetensors(path);
  const auto model = make_model(workload);
  load_weights(*model, file);
  if (!file.count("carried")) return check_training(*model, file);
  const Tensor carried_there =
      carried(dynamic_cast<FlowMatching&>(*model), file.at("points"), kCheckedSteps);
  return {{"points", difference({carried_there}, {file.at("carried")})}};
}

}  // namespace benchmark
