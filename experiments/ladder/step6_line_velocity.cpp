// Step 6 of the ladder: a velocity field on a line, beside the exact one.
//
// The new idea: do not map noise to data in one go; learn in which direction to move. Straight
// lines y_t = (1 - t) y_0 + t y_1 join noise y_0 to data y_1; a network that knows only the place
// y_t and the time is asked for y_1 - y_0. Its best answer is the mean over all lines through that
// place. If the data is a mixture of Gaussians N(m, s^2), that mean is a formula.

#include <fmt/format.h>

#include "experiments/draw/figure.h"
#include "experiments/ladder/ladder.h"
#include "flows/matching/flow_matching.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

constexpr real kMean = real(1.5), kStddev = real(0.3);

// Half of the points ~ N(-1.5, 0.3^2), the others ~ N(1.5, 0.3^2).
Tensor sample_data(Index n, Rng& rng) {
  const auto sign = [](real u) { return u < 0 ? real{-1} : real{1}; };
  const Var side = kernel::map("side", rng.uniform({n, 1}, -1, 1), sign);
  return (kMean * side + kStddev * rng.normal({n, 1})).value();
}

// E[y_1 - y_0 | y_t = y], y and t (N, 1). For one Gaussian it is linear in y, with the slope
// c = cov(y_1 - y_0, y_t) / var(y_t); tanh weighs the two by how likely each is at y.
Var exact_velocity(const Var& y, const Var& t) {
  const Var variance = square(1 - t) + square(kStddev * t);
  const Var c = (kStddev * kStddev * t - (1 - t)) / variance;
  return c * y + kMean * (1 - c * t) * tanh(kMean * t * y / variance);
}

void run(const std::filesystem::path& out) {
  Rng rng(6);
  FlowMatching model(1, {.hidden = {64, 64}}, rng);
  Weights weights(parameters(model));
  Adam adam(weights);
  constexpr int kSteps = 4000;
  const Schedule rate = cosine_schedule(5e-3, kSteps);
  for (int step = 0; step < kSteps; ++step) {
    Tape tape(weights);
    const Var loss = model.loss({sample_data(256, rng), {}}, rng);
    adam.learning_rate = rate(step);
    adam.step(tape.backward(loss));
  }
  const Tensor y_1 = sample_data(10'000, rng), y_0 = rng.normal({10'000, 1});
  const Var t = rng.uniform({10'000, 1}), y_t = straight(y_0, y_1, t).y_t;
  const Var error = sqrt(mean(square(model.velocity(y_t, t) - exact_velocity(y_t, t))));
  fmt::print("root mean square error where the lines are: {:.3f}\n", error.item());

  LineFigure figure{
      .name = "step6_line_velocity",
      .title = "From N(0, 1) to two Gaussians: the learned velocity and the exact one",
      .x_label = "y",
      .y_label = "velocity"};
  fmt::print("{:>5} {:>6} {:>9} {:>9}\n", "t", "y", "learned", "exact");
  const Tensor y = linspace(-2, 2, 81).reshaped({81, 1});
  for (const auto& [time, color] :
       {std::pair{0.0, 0x440154u}, {0.5, 0x26828Eu}, {0.9, 0xC9A800u}}) {
    const Tensor now({81, 1}, real(time)), exact = exact_velocity(y, now).value();
    const Tensor learned = model.velocity(y, now).value();
    figure.series.push_back({fmt::format("t = {}", time), numbers(y), numbers(learned), color});
    figure.series.push_back({"exact", numbers(y), numbers(exact), 0x000000, Dash::dashed});
    for (Index i = 0; i <= 80; i += 10)
      fmt::print("{:5.1f} {:6.1f} {:9.3f} {:9.3f}\n", time, y.data()[i], learned.data()[i],
                 exact.data()[i]);
  }
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Learns a velocity field on a line.", gradflow::run);
}
