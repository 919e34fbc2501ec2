// How long a step of each flow takes here. tests/oracle/zoo_speed.py runs it beside PyTorch; by
// itself it prints "name microseconds" for each, the least of several windows, which is what a busy
// machine disturbs least.
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "flows/chain.h"
#include "flows/coupling.h"
#include "flows/linear/permutation.h"
#include "flows/recipes.h"
#include "flows/univariate/affine.h"
#include "nn/optimizer.h"
#include "tensor/threads/parallel.h"
#include "tests/oracle/speed.h"

namespace gradflow {
namespace {

// A training step: loss, gradient, clipping, Adam.
void measure_training(const std::string& name, double budget, Flow flow, Index batch) {
  Rng rng(1);
  const Tensor x = rng.normal({batch, flow.dim()});
  Weights weights(parameters(flow));
  Adam adam(weights);
  measure(name, budget, [&] {
    Tape tape(weights);
    Tensor gradient = tape.backward(-mean(flow.log_prob(x))).flat();
    clip_norm(gradient, 5);
    adam.step(gradient);
  });
}

// Six affine couplings with networks as the splines' have them: one each.
Flow affine_couplings(const ConditionerOptions& network, Rng& rng) {
  std::vector<AnyBijection> layers;
  for (int i = 0; i < 6; ++i) {
    layers.push_back(Coupling(2, affine(), network, rng, {.one_network = true}));
    layers.push_back(Permutation::reversal(2));
  }
  return Flow(Chain(std::move(layers)));
}

void measure_all(double budget) {
  Rng rng(0);
  const ConditionerOptions network{.hidden = {64, 64}};
  measure_training("affine_coupling", budget, affine_couplings(network, rng), 128);
  for (const Index bins : {8, 16, 32})
    measure_training(
        fmt::format("spline_coupling_{}", bins), budget,
        spline_coupling(2, {.layers = 6, .network = network, .spline = {.bins = bins}}, rng), 128);
  measure_training("maf", budget, maf(8, {.layers = 5, .network = network}, rng), 128);
  measure_training("iaf", budget, iaf(2, {.layers = 5, .network = network}, rng), 128);
  const Flow masked = maf(8, {.layers = 5, .network = network}, rng);
  const Flow inverse = iaf(8, {.layers = 5, .network = network}, rng);
  const Tensor x = rng.normal({128, 8});
  measure("maf_sampling", budget, [&] { masked.sample(128, rng); });
  measure("maf_scoring", budget, [&] { masked.log_prob(x); });
  measure("iaf_sampling", budget, [&] { inverse.sample(128, rng); });
  measure("iaf_scoring", budget, [&] { inverse.log_prob(x); });
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) { gradflow::measure_all(argc > 1 ? std::atof(argv[1]) : 1); }
