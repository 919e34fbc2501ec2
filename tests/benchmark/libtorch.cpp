// The five workloads on libtorch: its modules, its Adam, the loop that its users write.
//
//   benchmark_libtorch measure WORKLOAD THREADS SHARDS SECONDS WINDOWS STARTED
//   benchmark_libtorch check WORKLOAD FILE
//
// `benchmark` calls it; nobody else needs to. `check` reads weights and a batch from a file of
// `benchmark`, does one training step with them, and prints how far its results are from those in
// the file. Shards have no meaning here.
#include <torch/torch.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "tests/benchmark/meter.h"

namespace benchmark {
namespace {

using torch::Tensor;

struct MlpImpl : torch::nn::Module {
  MlpImpl(const std::vector<long>& sizes, bool with_silu) : silu(with_silu) {
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
      layers.push_back(
          register_module(std::to_string(i), torch::nn::Linear(sizes[i], sizes[i + 1])));
  }
  Tensor forward(Tensor h) {
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
      h = layers[i]->forward(h);
      h = silu ? torch::silu(h) : torch::leaky_relu(h, kLeakySlope);
    }
    return layers.back()->forward(h);
  }
  bool silu;
  std::vector<torch::nn::Linear> layers;
};
TORCH_MODULE(Mlp);

std::vector<long> network_sizes(long in, std::vector<long> hidden, long out) {
  hidden.insert(hidden.begin(), in);
  hidden.push_back(out);
  return hidden;
}

// A batch: points (B, D), labels (B) if there are classes, and, if they are not to be drawn, the
// random numbers of flow matching.
struct Batch {
  Tensor points, labels, y_t, t, velocity;
};

struct Model : torch::nn::Module {
  virtual Tensor loss(const Batch& batch) = 0;
};

struct CouplingImpl : torch::nn::Module {
  CouplingImpl()
      : scale(register_module("scale", Mlp(network_sizes(1, kCouplingHidden, 1), false))),
        shift(register_module("shift", Mlp(network_sizes(1, kCouplingHidden, 1), false))) {
    torch::NoGradGuard no_grad;  // starts as the identity
    for (const Mlp& net : {scale, shift})
      for (Tensor p : net->layers.back()->parameters()) p.zero_();
  }
  std::pair<Tensor, Tensor> to_latent(const Tensor& x) {
    const Tensor kept = x.narrow(1, 0, 1), moved = x.narrow(1, 1, 1);
    const Tensor s = kScaleBound * torch::tanh(scale->forward(kept) / kScaleBound);
    const Tensor shifted = moved - shift->forward(kept);
    return {torch::cat({kept, shifted * torch::exp(-s)}, 1), -s.sum(1)};
  }
  Mlp scale, shift;
};
TORCH_MODULE(Coupling);

struct NormalizingFlow : Model {
  NormalizingFlow() {
    for (long i = 0; i < kCouplings; ++i)  // numbered with the permutations between them
      couplings.push_back(register_module(std::to_string(2 * i), Coupling()));
  }
  Tensor loss(const Batch& batch) override {
    Tensor z = batch.points, log_det = torch::zeros({z.size(0)});
    for (auto coupling = couplings.rbegin(); coupling != couplings.rend(); ++coupling) {
      const auto [next, change] = (*coupling)->to_latent(z.index_select(1, swapped));
      z = next;
      log_det = log_det + change;
    }
    constexpr double kLogTwoPi = 1.8378770664093454836;
    const Tensor log_prior = -0.5 * (z.square().sum(1) + kDim * kLogTwoPi);
    return -(log_prior + log_det).mean();
  }
  std::vector<Coupling> couplings;
  Tensor swapped = torch::tensor({1L, 0L}, torch::kLong);
};

struct FlowMatching : Model {
  FlowMatching(long dim, const std::vector<long>& hidden, bool conditional, bool silu) {
    if (conditional)
      classes = register_module("classes", torch::nn::Embedding(kClasses, kClassDim));
    const long in = dim + 1 + (conditional ? kClassDim : 0);
    network = register_module("network", Mlp(network_sizes(in, hidden, dim), silu));
  }
  Tensor velocity(const Tensor& y, const Tensor& t, const Tensor& labels) {
    if (!classes) return network->forward(torch::cat({y, t}, 1));
    return network->forward(torch::cat({y, t, classes->forward(labels)}, 1));
  }
  Tensor loss(const Batch& batch) override {
    if (batch.y_t.defined())
      return torch::mse_loss(velocity(batch.y_t, batch.t, batch.labels), batch.velocity);
    const Tensor y_0 = torch::randn_like(batch.points);
    const Tensor t = torch::rand({batch.points.size(0), 1});
    const Tensor direction = batch.points - y_0;
    return torch::mse_loss(velocity(y_0 + t * direction, t, batch.labels), direction);
  }
  torch::nn::Embedding classes{nullptr};
  Mlp network{nullptr};
};

std::unique_ptr<Model> make_model(const std::string& workload) {
  if (workload == "normalizing_flow") return std::make_unique<NormalizingFlow>();
  if (workload == "large_mlp")
    return std::make_unique<FlowMatching>(kLargeDim, kLargeHidden, false, true);
  return std::make_unique<FlowMatching>(kDim, kHidden, workload == "conditional", false);
}

// The shared library that answers to the name of BLAS here: libtorch itself does not say.
std::string blas_library() {
  std::ifstream maps("/proc/self/maps");
  std::string found = "built into libtorch";
  for (std::string line; std::getline(maps, line);)
    if (line.find("blas") != std::string::npos) {
      found = line.substr(line.find('/'));
      if (found.find("openblas") != std::string::npos) break;
    }
  return found;
}

void run_training(Model& model, const Batch& data, long batch, Meter& meter) {
  torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(kLearningRate));
  const long points = data.points.size(0);
  for (bool more = true; more;) {
    const Tensor order = torch::randperm(points);
    for (long begin = 0; begin < points && more; begin += batch) {
      const Tensor rows = order.narrow(0, begin, std::min(batch, points - begin));
      Batch part;
      part.points = data.points.index_select(0, rows);
      if (data.labels.defined()) part.labels = data.labels.index_select(0, rows);
      adam.zero_grad();
      const Tensor loss = model.loss(part);
      loss.backward();
      torch::nn::utils::clip_grad_norm_(model.parameters(), kLongestGradient);
      adam.step();
      more = meter.step();
    }
  }
}

Tensor carried(FlowMatching& model, Tensor y, long steps) {
  torch::NoGradGuard no_grad;
  for (long i = 0; i < steps; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(steps);
    y = y + model.velocity(y, torch::full({y.size(0), 1}, t), {}) / static_cast<double>(steps);
  }
  return y;
}

void run_sampling(FlowMatching& model, Meter& meter) {
  const Tensor noise = torch::randn({kSampled, kDim});
  Tensor y = carried(model, noise, 1);
  while (meter.step(kSampled)) y = carried(model, noise, kEulerSteps);
}

nlohmann::json measure(const Request& request) {
  torch::set_num_threads(request.threads);
  torch::set_num_interop_threads(1);
  torch::manual_seed(0);
  Meter meter(request);
  const bool large = request.workload == "large_mlp";
  Batch data;
  data.points = torch::randn({large ? kLargePoints : kPoints, large ? kLargeDim : kDim});
  if (request.workload == "conditional")
    data.labels = torch::randint(kClasses, {kPoints}, torch::kLong);
  meter.data_are_ready();
  const auto model = make_model(request.workload);
  if (request.workload == "sampling")
    run_sampling(dynamic_cast<FlowMatching&>(*model), meter);
  else
    run_training(*model, data, large ? kLargeBatch : kBatch, meter);
  return meter.result(blas_library());
}

// --- the check
// -------------------------------------------------------------------------------------

// The float32 tensors of a safetensors file: a length, a JSON header, the numbers.
std::map<std::string, Tensor> read_safetensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  const std::string bytes = contents.str();
  std::uint64_t length = 0;
  if (bytes.size() < sizeof length) throw std::runtime_error(path + " is no safetensors file");
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::size_t begin = sizeof length + length;
  std::map<std::string, Tensor> tensors;
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

// The largest difference, relative to the largest number there is.
double difference(const Tensor& ours, const Tensor& theirs, double scale) {
  return (ours - theirs).abs().max().item<double>() / scale;
}

nlohmann::json check(const std::string& workload, const std::string& path) {
  torch::set_num_threads(1);
  const auto file = read_safetensors(path);
  const auto model = make_model(workload);
  const auto parameters = model->named_parameters();
  long count = 0;
  {
    torch::NoGradGuard no_grad;
    for (const auto& item : parameters) {
      Tensor parameter = item.value();
      parameter.copy_(file.at("weight " + item.key()));
      count += parameter.numel();
    }
  }
  Batch batch;
  batch.points = file.at("points");
  if (file.count("labels")) batch.labels = file.at("labels").to(torch::kLong);
  if (file.count("y_t")) {
    batch.y_t = file.at("y_t");
    batch.t = file.at("t");
    batch.velocity = file.at("velocity");
  }
  const Tensor loss = model->loss(batch);
  loss.backward();
  double largest = 0, in_gradient = 0, in_step = 0;
  for (const auto& item : parameters)
    largest = std::max(largest, file.at("gradient " + item.key()).abs().max().item<double>());
  for (const auto& item : parameters) {
    const Tensor& expected = file.at("gradient " + item.key());
    in_gradient = std::max(in_gradient, difference(item.value().grad(), expected, largest));
    // Adam divides by the gradient's size: where that is all rounding, so would the step be. So
    // both steps are made from the same gradient.
    item.value().mutable_grad().copy_(expected);
  }
  torch::nn::utils::clip_grad_norm_(model->parameters(), kLongestGradient);
  torch::optim::Adam adam(model->parameters(), torch::optim::AdamOptions(kLearningRate));
  adam.step();
  for (const auto& item : parameters) item.value().mutable_grad().mul_(0.25);
  adam.step();
  double largest_parameter = 0;
  for (const auto& item : parameters)
    largest_parameter = std::max(largest_parameter, item.value().abs().max().item<double>());
  for (const auto& item : parameters)
    in_step = std::max(in_step, difference(item.value().detach(), file.at("stepped " + item.key()),
                                           largest_parameter));
  const double expected_loss = file.at("loss").item<double>();
  return {{"parameters", count},
          {"loss", std::abs(loss.item<double>() - expected_loss) / std::abs(expected_loss)},
          {"gradient", in_gradient},
          {"adam_step", in_step}};
}

}  // namespace
}  // namespace benchmark

int main(int argc, char** argv) {
  try {
    const std::string task = argc > 1 ? argv[1] : "";
    if (task == "measure")
      std::cout << benchmark::measure(benchmark::Request::from(argc, argv)) << '\n';
    else if (task == "check" && argc == 4)
      std::cout << benchmark::check(argv[2], argv[3]) << '\n';
    else
      throw std::runtime_error("this program is called by `benchmark`; see there");
  } catch (const std::exception& error) {
    std::cerr << "benchmark_libtorch: " << error.what() << '\n';
    return 1;
  }
}
