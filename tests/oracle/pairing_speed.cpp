// How long a step of flow matching takes here with pairs that are drawn independently and with
// optimal ones: tests/oracle/pairing_speed.py runs it beside PyTorch. By itself it prints "name
// microseconds" for each, the least of several windows: of processor time, which a busy machine
// disturbs least, but for the last, where two threads work at once and what passes is what counts.
//
// The task is that of torchcfm's tutorial: eight Gaussians to two moons, a network of 3 x 64
// (SELU), Adam, batches of 256. What is timed is train() itself.
#include <cstdlib>

#include "experiments/data/catalogue.h"
#include "experiments/run/training.h"
#include "flows/matching/loss.h"
#include "flows/matching/velocity.h"
#include "tensor/threads/parallel.h"
#include "tests/oracle/speed.h"

namespace gradflow {
namespace {

constexpr Index kBatch = 256, kSteps = 50;  // of an epoch

void measure_all(double budget) {
  Rng rng(1);
  const Tensor from = data_set("eight_gaussians_torchcfm").sample(kBatch * 100, rng).points;
  const Data to{data_set("smeared_moons").sample(kBatch * kSteps, rng).points, {}};
  VelocityNetwork network(2, {.hidden = {64, 64, 64}, .activation = activations::selu}, rng);
  Weights weights(parameters(network));
  const auto starting = [&](const Pairing& pairing) -> Pairing {  // from points of the one set
    return [&from, pairing](const Tensor& noise, const Data& batch, Rng& r) {
      return pairing(kernel::gather(from, r.integers(from.rows(), noise.rows())), batch, r);
    };
  };
  const auto steps = [&](const Loss& loss, const TrainingHooks& hooks = {}) {
    return [&, loss, hooks] {
      train(weights, loss, to, {.epochs = 1, .batch = kBatch, .shards = 1}, hooks);
    };
  };
  const auto within = [&](const Pairing& pairing) -> Loss {
    return [&network, pairing](const Data& batch, Rng& r) {
      return matching_loss(network.field(), batch, r, straight, pairing);
    };
  };
  set_threads(1);
  measure("independent", budget, steps(within(starting(independent))), kSteps, processor_seconds);
  const auto pair = [&, pairing = starting(optimal)] {
    const Data batch{kernel::gather(to.points, rng.integers(to.size(), kBatch)), {}};
    pairing(batch.points, batch, rng);
  };
  measure("pairing", budget, pair, 1, processor_seconds);
  measure("optimal", budget, steps(within(starting(optimal))), kSteps, processor_seconds);
  set_threads(2);
  const Loss of_pairs = [&](const Data& pairs, Rng& r) {
    return pairs_loss(network.field(), pairs, r);
  };
  const auto prepare = [pairing = starting(optimal)](const Data& batch, Rng& r) {
    return paired(batch, r, pairing);
  };
  measure("optimal_ahead", budget, steps(of_pairs, {.prepare = prepare}), kSteps);
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) { gradflow::measure_all(argc > 1 ? std::atof(argv[1]) : 1); }
