#include "tests/hashes/trainings.h"

#include <functional>
#include <numbers>

#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"
#include "nn/batch_gradient.h"
#include "nn/optimizer.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

constexpr Index kPoints = 2000, kBatch = 128, kTrainingSteps = 60;

// Points on three rings, and the ring of each.
Data rings() {
  Rng rng(1);
  const Tensor angle = rng.uniform(Shape{kPoints}, 0, 2 * std::numbers::pi_v<real>),
               noise = rng.normal(Shape{kPoints});
  Data data{Tensor({kPoints, 2}), rng.integers(3, kPoints)};
  real* const xy = data.points.mutable_data();
  for (Index i = 0; i < kPoints; ++i) {
    const real r = real(data.labels[std::size_t(i)]) + 1 + noise.data()[i] / 8;
    xy[2 * i] = r * math::cos(angle.data()[i]);
    xy[2 * i + 1] = r * math::sin(angle.data()[i]);
  }
  return data;
}

// All that a training does, but for looking at it: shuffled batches in shards, clipped gradients,
// Adam, a learning rate that falls.
template <class Model, class LossOf>
std::string hash_of_training(Model model, LossOf loss_of) {
  Weights weights(parameters(model));
  Adam adam(weights);
  BatchGradient gradient([&](const Data& batch, Rng& rng) { return loss_of(model, batch, rng); },
                         weights, 4);
  const Data data = rings();
  const Schedule rate = cosine_schedule(1e-2, kTrainingSteps);
  Rng rng(2);
  for (Index step = 0; step < kTrainingSteps; ++step) {
    const std::vector<Index> order = rng.permutation(kPoints);
    gradient.compute(data, std::span(order).first(kBatch), rng.fork(std::uint64_t(step)));
    adam.learning_rate = rate(step);
    adam.step(gradient.gradient(), clip_factor(gradient.norm(), 1));
  }
  return hash_tensors(tensors(parameters(model)));
}

std::string hash_of_flow(const Flow& flow) {
  return hash_of_training(
      flow, [](const Flow& f, const Data& batch, Rng&) { return -mean(f.log_prob(batch.points)); });
}

std::string hash_of_matching(const FlowMatching& matching, bool with_classes) {
  return hash_of_training(matching,
                          [with_classes](const FlowMatching& f, const Data& batch, Rng& rng) {
                            return f.loss(with_classes ? batch : Data{batch.points, {}}, rng);
                          });
}

}  // namespace

std::map<std::string, std::string> hashes_of_trainings() {
  Rng rng(0);
  const ConditionerOptions smooth{.activation = activations::silu};
  return {
      {"affine coupling flow", hash_of_flow(real_nvp(2, {.layers = 6}, rng))},
      {"autoregressive flow", hash_of_flow(maf(2, {.layers = 4, .network = smooth}, rng))},
      {"flow matching", hash_of_matching(FlowMatching(2, {}, rng), false)},
      {"flow matching with classes", hash_of_matching(FlowMatching(2, {.classes = 3}, rng), true)}};
}

}  // namespace gradflow
