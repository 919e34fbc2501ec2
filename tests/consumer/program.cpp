// A program of somebody else's: it trains a flow on points of its own, saves it, loads it and asks
// how likely new points are. README.md shows it under "Linking it".
#include <fmt/format.h>

#include "experiments/run/files/safetensors.h"
#include "experiments/run/training.h"
#include "flows/linear/standardize.h"
#include "flows/recipes.h"

using namespace gradflow;

// Points along a bow, (n, 2): instead of it, your own.
Tensor bow(Index n, Rng& rng) {
  const Tensor x = rng.normal({n, 1}), noise = rng.normal({n, 1});
  return concat({x, square(x) + real(0.1) * noise}, 1).value();
}

// The last layer, next to the data, brings points in any units to mean 0 and deviation 1.
Flow make_flow(const Standardize& units) {
  Rng rng(0);
  return {Chain{real_nvp(2, {.layers = 6}, rng).bijection, units}};
}

int main() {
  // Train ...
  Rng rng(1);
  const Data data{.points = bow(10'000, rng)};
  Flow flow = make_flow(Standardize::of(data.points));
  const Loss loss = [&](const Data& batch, Rng&) { return -mean(flow.log_prob(batch.points)); };
  const auto print = [](const Epoch& epoch) {
    fmt::print("epoch {}: {:.1f} nats\n", epoch.number, epoch.loss);
  };
  Weights weights(parameters(flow));
  train(weights, loss, data, {.epochs = 10}, {.on_epoch = print});

  // ... save ...
  save_tensors("bow.safetensors", {.tensors = tensors(flow)});

  // ... load, in another program perhaps ...
  Flow loaded = make_flow(Standardize(zeros({2}), ones({2})));  // the file has the units, too
  load(loaded, load_tensors("bow.safetensors").all());

  // ... and score: the logarithm of the density at (1, 1), on the bow, and at (0, 1), beside it.
  const Tensor scores = loaded.log_prob(Tensor({{1, 1}, {0, 1}})).value();
  fmt::print("log p: {:.1f} and {:.1f}\n", scores.at({0}), scores.at({1}));
}
