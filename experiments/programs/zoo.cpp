#include "experiments/programs/zoo.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "experiments/metrics/baselines.h"
#include "flows/continuous.h"
#include "flows/matching/loss.h"
#include "flows/recipes.h"
#include "tensor/error.h"

namespace gradflow {
namespace {

using Stop = std::atomic<bool>;

// By making the data likely.
Learned learn_flow(Flow flow, const Tensor& points, const TrainingOptions& options,
                   const Stop& stop) {
  Weights weights(parameters(flow));
  const Loss loss = [&flow](const Data& batch, Rng&) { return -mean(flow.log_prob(batch.points)); };
  const TrainingResult result = train(weights, loss, Data{points, {}}, options, {.stop = &stop});
  return {density_model(flow, weights.count()), tensors(flow), result.stopped};
}

// The box of a spline for these points: all of them lie within, and nearly all of the noise.
// Outside a spline moves nothing, so what data or noise has there the model has, too, as it is: in
// a box of 3 that is 0.5 % of the noise, where most sets have no data at all.
real box_for(const Tensor& points) {
  constexpr real kOfNoise = 4;  // 0.01 % of it are beyond
  return std::max(kOfNoise, max(abs(Var(points))).item());
}

// A flow of this recipe; `before`: what is said before its name, of one that is not as usual.
Species flow(const std::string& name, const FlowOptions& flow_options,
             const std::string& before = "") {
  return {before + name,
          [&known = recipe(name), flow_options](const Tensor& points,
                                                const TrainingOptions& options, const Stop& stop) {
            Rng rng(options.seed);
            FlowOptions made = flow_options;
            made.spline.box = box_for(points);
            return learn_flow(known.make(2, made, rng), points, options, stop);
          }};
}

// Velocities: smooth, so that a density can be had from few steps of a solver. Those that are
// learned by regression are told the place in octaves, too.
const VelocityOptions kSmooth{.hidden = {64, 64, 64}, .activation = activations::silu, .waves = 3};
VelocityOptions with_octaves() {
  VelocityOptions options = kSmooth;
  options.octaves = 3;
  return options;
}

// A velocity learned by likelihood, backwards through the steps of the solver.
Species continuous(const char* name) {
  return {name, [](const Tensor& points, const TrainingOptions& options, const Stop& stop) {
            Rng rng(options.seed);
            const Continuous bijection(VelocityNetwork(2, kSmooth, rng), {.steps = 10});
            return learn_flow(Flow(bijection), points, options, stop);
          }};
}

// The same, learned by regression on lines from noise to data.
Species flow_matching(const char* name, const Pairing& pairing) {
  return {name, [pairing](const Tensor& points, const TrainingOptions& options, const Stop& stop) {
            Rng rng(options.seed);
            VelocityNetwork network(2, with_octaves(), rng);
            Weights weights(parameters(network));
            const Loss loss = [&](const Data& batch, Rng& noise) {
              return matching_loss(network.field(), batch, noise, straight, pairing);
            };
            const TrainingResult result =
                train(weights, loss, Data{points, {}}, options, {.stop = &stop});
            const Flow flow(Continuous(network, {.steps = 20}));
            return Learned{density_model(flow, weights.count()), tensors(flow), result.stopped};
          }};
}

std::vector<Species> made() {
  const ConditionerOptions wide{.hidden = {64, 64}}, residual{.hidden = {64}, .blocks = 2};
  const auto baseline = [](const char* name, auto fit) {
    return Species{name, [fit](const Tensor& points, const TrainingOptions& options,
                               const std::atomic<bool>&) {
                     return Learned{fit(points, Rng(options.seed)), {}, false};
                   }};
  };
  return {
      baseline("gaussian", [](const Tensor& points, const Rng&) { return best_gaussian(points); }),
      baseline("mixture", best_mixture),
      baseline("kernels", [](const Tensor& points, const Rng&) { return kernel_density(points); }),
      flow("nice", {.network = wide}),
      flow("real_nvp", {}),
      flow("maf", {.layers = 8, .network = wide}),
      flow("iaf", {.layers = 8, .network = wide}),
      flow("spline_coupling", {.layers = 6, .network = wide, .spline = {.bins = 32}}),
      flow("spline_autoregressive", {.layers = 4, .network = wide, .spline = {.bins = 32}}),
      flow("maf", {.layers = 8, .network = residual}, "residual_"),
      flow("spline_coupling", {.layers = 6, .network = residual, .spline = {.bins = 32}},
           "residual_"),
      continuous("continuous"),
      flow_matching("flow_matching", independent),
      flow_matching("optimal_flow_matching", optimal),
  };
}

}  // namespace

const std::vector<Species>& zoo() {
  static const std::vector<Species> all = made();
  return all;
}

std::vector<std::string> zoo_names() {
  std::vector<std::string> names;
  for (const Species& one : zoo()) names.push_back(one.name);
  return names;
}

const Species& species(const std::string& name) {
  const auto found = std::ranges::find(zoo(), name, &Species::name);
  require<Error>(found != zoo().end(), "zoo: {} given; one of {} is required", name,
                 fmt::format("{}", fmt::join(zoo_names(), ", ")));
  return *found;
}

}  // namespace gradflow
