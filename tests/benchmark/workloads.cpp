#include "tests/benchmark/workloads.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "autograd/ops.h"
#include "experiments/run/files/safetensors.h"
#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"
#include "tensor/error.h"
#include "tensor/kernels/gemm.h"
#include "tensor/matmul.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

using benchmark::Meter;
using benchmark::Request;

std::vector<Index> sizes(const std::vector<long>& list) { return {list.begin(), list.end()}; }

struct TrainedFlow final : Trained {
  explicit TrainedFlow(const FlowOptions& options) : TrainedFlow(options, Rng(0)) {}
  TrainedFlow(const FlowOptions& options, Rng rng)
      : flow(real_nvp(benchmark::kDim, options, rng)) {}
  void visit(const Visitor& visitor) override { flow.visit(visitor); }
  Var loss(const Data& part, Rng&) const override { return -mean(flow.log_prob(part.points)); }

  Flow flow;
};

struct TrainedField final : Trained {
  TrainedField(Index dim, const FlowMatchingOptions& options)
      : TrainedField(dim, options, Rng(0)) {}
  TrainedField(Index dim, const FlowMatchingOptions& options, Rng rng) : field(dim, options, rng) {}
  void visit(const Visitor& visitor) override { field.visit(visitor); }
  Var loss(const Data& part, Rng& rng) const override { return field.loss(part, rng); }

  FlowMatching field;
};

// How long a step takes does not depend on where the points are.
Data make_data(Index points, Index dim, bool labelled) {
  Rng rng(1);
  Data data{rng.normal({points, dim}), {}};
  if (labelled) data.labels = rng.integers(benchmark::kClasses, points);
  return data;
}

std::unique_ptr<Trained> make_field(const std::vector<Index>& hidden, bool conditional) {
  FlowMatchingOptions options{.hidden = hidden, .class_dim = benchmark::kClassDim};
  if (conditional) options.classes = benchmark::kClasses;
  return std::make_unique<TrainedField>(benchmark::kDim, options);
}

std::unique_ptr<Trained> make_large_mlp() {
  auto model = std::make_unique<TrainedField>(
      benchmark::kLargeDim, FlowMatchingOptions{.hidden = sizes(benchmark::kLargeHidden),
                                                .activation = activations::silu});
  model->data = make_data(benchmark::kLargePoints, benchmark::kLargeDim, false);
  model->batch = benchmark::kLargeBatch;
  return model;
}

Tensor noise() {
  Rng rng(2);
  return rng.normal({benchmark::kSampled, benchmark::kDim});
}

void run_sampling(const FlowMatching& field, Meter& meter) {
  const Tensor start = noise();
  field.carry(start, {0, 1}, {}, euler, {1});
  while (meter.step(benchmark::kSampled))
    field.carry(start, {0, 1}, {}, euler, {benchmark::kEulerSteps});
}

}  // namespace

std::string unit_of(const std::string& workload) {
  return workload == "sampling" ? "samples/s" : "steps/s";
}

std::unique_ptr<Trained> make_normalizing_flow(Index couplings, const std::vector<Index>& hidden,
                                               bool start_as_identity) {
  FlowOptions options;
  options.layers = couplings;
  options.network.hidden = hidden;
  options.network.start_as_identity = start_as_identity;
  options.scale_bound = real(benchmark::kScaleBound);
  auto model = std::make_unique<TrainedFlow>(options);
  model->data = make_data(benchmark::kPoints, benchmark::kDim, false);
  return model;
}

std::unique_ptr<Trained> make_flow_matching(const std::vector<Index>& hidden, bool conditional) {
  auto model = make_field(hidden, conditional);
  model->data = make_data(benchmark::kPoints, benchmark::kDim, conditional);
  return model;
}

std::unique_ptr<Trained> make_workload(const std::string& name) {
  if (name == "normalizing_flow")
    return make_normalizing_flow(benchmark::kCouplings, sizes(benchmark::kCouplingHidden));
  if (name == "flow_matching") return make_flow_matching(sizes(benchmark::kHidden), false);
  if (name == "conditional") return make_flow_matching(sizes(benchmark::kHidden), true);
  if (name == "sampling") return make_field(sizes(benchmark::kHidden), false);
  if (name == "large_mlp") return make_large_mlp();
  throw Error(fmt::format("no workload {}", name));
}

void run_training(Trained& model, Index shards, Meter& meter) {
  std::atomic<bool> enough = false;
  TrainingHooks hooks;
  hooks.on_step = [&](const Progress&) { enough = !meter.step(); };
  hooks.stop = &enough;
  TrainingOptions options;
  options.epochs = 1'000'000;
  options.batch = model.batch;
  options.shards = shards;
  options.learning_rate = benchmark::kLearningRate;
  options.largest_gradient = benchmark::kLongestGradient;
  Weights weights(parameters(model));
  train(
      weights, [&](const Data& part, Rng& rng) { return model.loss(part, rng); }, model.data,
      options, hooks);
}

nlohmann::json measure(const Request& request) {
  set_threads(request.threads);
  Meter meter(request);
  const auto model = make_workload(request.workload);
  meter.data_are_ready();
  if (request.workload == "sampling")
    run_sampling(dynamic_cast<TrainedField&>(*model).field, meter);
  else
    run_training(*model, request.shards, meter);
  return meter.result(blas_info().config);
}

namespace {

using Prefixed = std::map<std::string, Tensor>;
void put(Prefixed& tensors, const std::string& prefix, const NamedTensors& values) {
  for (const auto& [name, value] : values) tensors[prefix + name] = value;
}

Tensor as_tensor(const std::vector<Index>& labels) {
  Tensor x({std::ssize(labels)});
  std::copy(labels.begin(), labels.end(), x.mutable_data());
  return x;
}

std::vector<Index> first_rows(Index count) {
  std::vector<Index> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), Index{0});
  return rows;
}

// A batch, its loss, the gradient of that, and the weights after two steps.
void put_training(Trained& model, bool random_path, Prefixed& tensors) {
  const Data batch = model.data.rows(first_rows(model.batch));
  tensors["points"] = batch.points;
  if (!batch.labels.empty()) tensors["labels"] = as_tensor(batch.labels);
  Rng rng(3);
  if (random_path) {  // the random numbers that loss() is about to draw
    Rng path_rng(rng);
    const Var y_0 = path_rng.normal(batch.points.shape());
    const Var t = path_rng.uniform({batch.size(), 1});
    const OnPath path = straight(y_0, batch.points, t);
    put(tensors, "",
        {{"y_t", path.y_t.value()}, {"t", t.value()}, {"velocity", path.velocity.value()}});
  }
  Weights weights(parameters(model));
  Tape tape(weights);
  const Var loss = model.loss(batch, rng);
  const Gradients gradients = tape.backward(loss);
  tensors["loss"] = loss.value();
  for (const auto& [name, parameter] : parameters(model))
    tensors["gradient " + name] = gradients[*parameter].value();
  Tensor gradient = gradients.flat();
  clip_norm(gradient, benchmark::kLongestGradient);
  Adam adam(weights, {.learning_rate = benchmark::kLearningRate});
  adam.step(gradient);
  adam.step((real(0.25) * gradient).value());  // the first is the same for any betas
  put(tensors, "stepped ", trained_tensors(model));
}

// Points, and where they are after the first steps.
void put_sampling(const FlowMatching& field, Prefixed& tensors) {
  const double end = static_cast<double>(benchmark::kCheckedSteps) / benchmark::kEulerSteps;
  tensors["points"] = noise();
  tensors["carried"] = field.carry(noise(), {0, end}, {}, euler, {benchmark::kCheckedSteps});
}

}  // namespace

void write_check(const std::string& workload, const std::filesystem::path& file) {
  // Not as the identity: there most gradients would be zero, and would agree too easily.
  const bool is_flow = workload == "normalizing_flow";
  std::unique_ptr<Trained> model;
  if (is_flow)
    model = make_normalizing_flow(benchmark::kCouplings, sizes(benchmark::kCouplingHidden), false);
  else
    model = make_workload(workload);
  TensorFile contents;
  put(contents.tensors, "weight ", trained_tensors(*model));
  if (workload == "sampling")
    put_sampling(dynamic_cast<TrainedField&>(*model).field, contents.tensors);
  else
    put_training(*model, !is_flow, contents.tensors);
  save_tensors(file, contents);
}

}  // namespace gradflow
