// Step 5 of the ladder: a normalizing flow learns two moons.
//
// The new idea: couplings in a row carry noise to data, and since log_det is known, the probability
// that the model gives to any point is known too: log p(x) = log N(z) + log |det dz/dx|. Training
// makes the data likely; there is no other teacher. What the loss can reach at best is the entropy
// of the data, which for the moons can be computed.

#include <fmt/format.h>

#include "experiments/data/moons.h"
#include "experiments/draw/figure.h"
#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "flows/linear/standardize.h"
#include "flows/recipes.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

constexpr int kSteps = 2000;

void run(const std::filesystem::path& out) {
  Rng rng(5);
  const Data fresh = sample_moons(10'000, rng);  // never trained on
  const Standardize unit = Standardize::of(fresh.points);
  const auto standardized = [&](const Tensor& x) { return unit.to_latent(x).points.value(); };
  const double floor = -mean(Var(moons().log_density(fresh.points))).item() -
                       sum(log(Var(unit.deviation()))).item();

  Flow flow = real_nvp(2, {.layers = 8, .network = {.hidden = {32, 32}}}, rng);
  Weights weights(parameters(flow));
  Adam adam(weights, {.learning_rate = 3e-3});
  const Schedule rate = cosine_schedule(3e-3, kSteps);

  PointFigure figure{.name = "step5_normalizing_flow", .limits = kRingLimits};
  const auto show = [&](const std::string& title, const Tensor& points) {
    figure.panels.push_back({.title = title, .clouds = {{.points = to_points(points)}}});
  };
  fmt::print("{:>6} {:>12} {:>10}\n", "step", "nats / point", "on a moon");
  for (int step = 0; step <= kSteps; ++step) {
    if (step == 0 || step == 50 || step == 150 || step == 500 || step == kSteps) {
      Rng same(1);  // the same noise each time
      const Tensor samples = flow.sample(2000, same);
      fmt::print("{:6} {:12.4f} {:8.1f} %\n", step,
                 -mean(flow.log_prob(standardized(fresh.points))).item(),
                 100 * share_on_moons(unit.to_data(samples).points.value()));
      show(fmt::format("after {} steps", step), samples);
    }
    const Tensor batch = standardized(sample_moons(256, rng).points);
    Tape tape(weights);
    const Var loss = -mean(flow.log_prob(batch));
    Tensor gradient = tape.backward(loss).flat();
    clip_norm(gradient, 1);
    adam.learning_rate = rate(step);
    adam.step(gradient);
  }
  fmt::print("{:>6} {:12.4f} {:8.1f} %\n", "data", floor, 100 * share_on_moons(fresh.points));
  show("data", standardized(fresh.points.rows(0, 2000)));
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Trains a normalizing flow on two moons.", gradflow::run);
}
