// How long a step of flow matching takes here with pairs that are drawn independently and with
// optimal ones: tests/oracle/pairing_speed.py runs it beside PyTorch. By itself it prints "name
// microseconds" for each, the least of several windows: of processor time, which a busy machine
// disturbs least, but for the last, where two threads work at once and what passes is what counts.
//
// The task is that of torchcfm's tutorial: eight Gaussians to two moons, a network of 3 x 64
// (SELU), Adam, batches of 256. What is timed is train() itself.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>

#include "experiments/data/catalogue.h"
#include "experiments/run/clock.h"
#include "experiments/run/training.h"
#include "flows/matching/loss.h"
#include "flows/matching/velocity.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

constexpr Index kBatch = 256, kSteps = 50;  // of an epoch

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Microseconds of one of the steps that `run` takes: the least of ten windows.
void measure(const std::string& name, double budget, Index steps, const std::function<void()>& run,
             double (*seconds)() = processor_seconds) {
  run();
  double best = 1e9;
  for (const double end = seconds_now() + budget; seconds_now() < end;) {
    const double window = seconds_now() + budget / 10, began = seconds();
    Index taken = 0;
    for (; seconds_now() < window; taken += steps) run();
    best = std::min(best, (seconds() - began) / static_cast<double>(taken));
  }
  fmt::print("{} {:.1f}\n", name, best * 1e6);
}

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
  measure("independent", budget, kSteps, steps(within(starting(independent))));
  measure("pairing", budget, 1, [&, pairing = starting(optimal)] {
    const Data batch{kernel::gather(to.points, rng.integers(to.size(), kBatch)), {}};
    pairing(batch.points, batch, rng);
  });
  measure("optimal", budget, kSteps, steps(within(starting(optimal))));
  set_threads(2);
  const Loss of_pairs = [&](const Data& pairs, Rng& r) {
    return pairs_loss(network.field(), pairs, r);
  };
  measure("optimal_ahead", budget, kSteps,
          steps(of_pairs, {.prepare = [pairing = starting(optimal)](const Data& batch, Rng& r) {
                  return paired(batch, r, pairing);
                }}));
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) { gradflow::measure_all(argc > 1 ? std::atof(argv[1]) : 1); }
