// Step 8 of the ladder: a curve with knots, in training.
//
// The new idea: one curve can be a whole flow. A rational-quadratic spline rises through knots, and
// training moves them until what it makes of the data is a bell. On a line the best curve is known:
// it takes the number with a share p of the data below it to that with a share p of the bell below.

#include <fmt/format.h>

#include <cmath>

#include "experiments/draw/figure.h"
#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "flows/elementwise.h"
#include "flows/flow.h"
#include "flows/univariate/rational_quadratic.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

constexpr real kMean = real(1.5), kStddev = real(0.3), kBox = 3;
constexpr Index kBins = 8;

// Half of the points ~ N(-1.5, 0.3^2), the others ~ N(1.5, 0.3^2).
Tensor sample_data(Index n, Rng& rng) {
  const auto sign = [](real u) { return u < 0 ? real{-1} : real{1}; };
  const Var side = kernel::map("side", rng.uniform({n, 1}, -1, 1), sign);
  return (kMean * side + kStddev * rng.normal({n, 1})).value();
}

double bell_below(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }
double data_below(double x) {
  return (bell_below((x - kMean) / kStddev) + bell_below((x + kMean) / kStddev)) / 2;
}

// The curve from -3 to 3, and its knots: the first raw numbers say how far they are apart.
Panel drawn(int step, const Flow& flow) {
  const auto on_curve = [&](const Var& x) {
    return to_points(concat({x, flow.bijection->to_latent(x).points}, 1).value());
  };
  const Var widths = softmax(slice(tensors(flow).at("raw"), 1, 0, kBins), 1);
  const Var knots = 2 * kBox * cumsum(kSplineLeast + (1 - kBins * kSplineLeast) * widths, 1) - kBox;
  return {
      .title = fmt::format("after {} steps", step),
      .clouds = {{.points = on_curve(reshape(knots, {kBins, 1})), .color = colors::red, .size = 2}},
      .curves = {{.lines = {on_curve(linspace(-kBox, kBox, 601).reshaped({601, 1}))}}}};
}

void run(const std::filesystem::path& out) {
  Rng rng(8);
  Flow flow{Elementwise(1, rational_quadratic({.bins = kBins, .box = kBox}))};
  Weights weights(parameters(flow));
  Adam adam(weights, {.learning_rate = 2e-2});
  PointFigure figure{.name = "step8_spline", .x_label = "data", .y_label = "bell", .columns = 4};
  for (int step = 0; step <= 1000; ++step) {
    Tape tape(weights);
    const Var loss = -mean(flow.log_prob(sample_data(512, rng)));
    if (step == 0 || step == 30 || step == 100 || step == 1000) {
      fmt::print("{:5} steps: {:.2f} nats\n", step, loss.item());
      figure.panels.push_back(drawn(step, flow));
    }
    adam.step(tape.backward(loss));
  }
  fmt::print("{:>6} {:>7} {:>7} {:>11}\n", "x", "below", "z", "bell below");
  for (const double x : {-2.0, -1.5, -1.0, 0.0, 1.0, 1.5, 2.0}) {
    const double z = flow.bijection->to_latent(Tensor({1, 1}, real(x))).points.item();
    fmt::print("{:6.1f} {:7.3f} {:7.3f} {:11.3f}\n", x, data_below(x), z, bell_below(z));
  }
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Trains the knots of a spline.", gradflow::run);
}
