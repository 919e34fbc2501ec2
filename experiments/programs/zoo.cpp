#include "experiments/programs/zoo.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "experiments/metrics/baselines.h"
#include "flows/recipes.h"
#include "tensor/error.h"

namespace gradflow {
namespace {

Learned learn_flow(const Recipe& recipe, const FlowOptions& flow_options, const Tensor& points,
                   const TrainingOptions& options, const std::atomic<bool>& stop) {
  Rng rng(options.seed);
  Flow flow = recipe.make(2, flow_options, rng);
  Weights weights(parameters(flow));
  const Loss loss = [&flow](const Data& batch, Rng&) { return -mean(flow.log_prob(batch.points)); };
  const TrainingResult result = train(weights, loss, Data{points, {}}, options, {.stop = &stop});
  return {density_model(flow, weights.count()), tensors(flow), result.stopped};
}

Species flow(const char* name, const FlowOptions& flow_options) {
  return {name,
          [&known = recipe(name), flow_options](
              const Tensor& points, const TrainingOptions& options, const std::atomic<bool>& stop) {
            return learn_flow(known, flow_options, points, options, stop);
          }};
}

std::vector<Species> made() {
  const ConditionerOptions wide{.hidden = {64, 64}};
  const auto baseline = [](const char* name, auto fit) {
    return Species{name, [fit](const Tensor& points, const TrainingOptions& options,
                               const std::atomic<bool>&) {
                     Rng rng(options.seed);
                     return Learned{fit(points, rng), {}, false};
                   }};
  };
  return {
      baseline("gaussian", [](const Tensor& points, Rng&) { return best_gaussian(points); }),
      baseline("mixture", [](const Tensor& points, Rng& rng) { return best_mixture(points, rng); }),
      baseline("kernels", [](const Tensor& points, Rng&) { return kernel_density(points); }),
      flow("nice", {.network = wide}),
      flow("real_nvp", {}),
      flow("maf", {.layers = 8, .network = wide}),
      flow("iaf", {.layers = 8, .network = wide}),
      flow("spline_coupling", {.layers = 6, .network = wide, .spline = {.bins = 32}}),
      flow("spline_autoregressive", {.layers = 4, .network = wide, .spline = {.bins = 32}}),
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
