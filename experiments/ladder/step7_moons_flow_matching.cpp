// Step 7 of the ladder: flow matching carries noise onto two moons.
//
// The new idea: none. The velocity of step 6 in the plane, the moons of step 5, and a solver that
// follows the field in small steps. Look at how few steps suffice, and at what a single one gives:
// it moves each point to the mean of where it could go, which is not on a moon.

#include <fmt/format.h>

#include "experiments/data/moons.h"
#include "experiments/draw/figure.h"
#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "flows/linear/standardize.h"
#include "flows/matching/flow_matching.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

constexpr int kSteps = 4000;

void run(const std::filesystem::path& out) {
  Rng rng(7);
  const Tensor data = sample_moons(10'000, rng).points;
  const Standardize unit = Standardize::of(data);
  FlowMatching model(2, {.hidden = {64, 64, 64}}, rng);
  Weights weights(parameters(model));
  Adam adam(weights);
  const Schedule rate = cosine_schedule(3e-3, kSteps);

  fmt::print("{:>6} {:>22}\n", "step", "loss (last 500 steps)");
  double sum = 0;
  for (int step = 1; step <= kSteps; ++step) {
    Tape tape(weights);
    const Tensor batch = unit.to_latent(sample_moons(256, rng).points).points.value();
    const Var loss = model.loss({batch, {}}, rng);
    adam.learning_rate = rate(step);
    adam.step(tape.backward(loss));
    sum += loss.item();
    if (step % 500 != 0) continue;
    fmt::print("{:6} {:22.4f}\n", step, sum / 500);
    sum = 0;
  }

  const Tensor noise = Rng(1).normal({2000, 2});
  fmt::print("\n{:>12} {:>10} {:>10}\n", "Euler steps", "on a moon", "std");
  for (const Index steps : {1, 2, 5, 20, 100}) {
    const Tensor samples = model.carry(noise, {0, 1}, {}, euler, {steps});
    const Tensor moons = unit.to_data(samples).points.value();
    fmt::print("{:12} {:8.1f} % {:10.2f}\n", steps, 100 * share_on_moons(moons),
               mean(Var(Standardize::of(samples).deviation())).item());
  }
  fmt::print("{:>12} {:8.1f} % {:10.2f}\n", "data", 100 * share_on_moons(data), 1.0);

  PointFigure figure{.name = "step7_moons_flow_matching", .limits = kPathLimits};
  const std::vector<Tensor> states = model.carry_states(noise, {0, 1}, {}, euler, {100});
  for (const std::size_t k : {0u, 20u, 40u, 60u, 80u, 100u})
    figure.panels.push_back({.title = fmt::format("t = {:.1f}", static_cast<double>(k) / 100),
                             .clouds = {{.points = to_points(states[k])}}});
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Trains flow matching on two moons.", gradflow::run);
}
