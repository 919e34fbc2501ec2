// The models of the workloads in libtorch, as its users write them: its modules, its operations.
//
// Their parameters have the names that ours have, so that weights can be exchanged.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <utility>

#include "tests/benchmark/meter.h"

namespace benchmark {

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

inline std::vector<long> network_sizes(long in, std::vector<long> hidden, long out) {
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

inline std::unique_ptr<Model> make_model(const std::string& workload) {
  if (workload == "normalizing_flow") return std::make_unique<NormalizingFlow>();
  if (workload == "large_mlp")
    return std::make_unique<FlowMatching>(kLargeDim, kLargeHidden, false, true);
  return std::make_unique<FlowMatching>(kDim, kHidden, workload == "conditional", false);
}

// `steps` of the kEulerSteps steps from noise to data.
inline Tensor carried(FlowMatching& model, Tensor y, long steps) {
  torch::NoGradGuard no_grad;
  constexpr double dt = 1.0 / kEulerSteps;
  for (long i = 0; i < steps; ++i) {
    const Tensor t = torch::full({y.size(0), 1}, static_cast<double>(i) * dt);
    y = y + dt * model.velocity(y, t, {});
  }
  return y;
}

}  // namespace benchmark
