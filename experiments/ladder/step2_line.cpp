// Step 2 of the ladder: fitting a line.
//
// The new idea: learning is going downhill. A loss says how wrong the line is; the tape says in
// which direction each of its two numbers makes the loss grow; a small step the other way,
// repeated. For a line the best answer can also be computed directly (least squares), so we see
// where it should end.

#include <fmt/format.h>

#include "experiments/draw/figure.h"
#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "nn/layers.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

struct Line {
  double slope, intercept;
};

// The minimum of the mean squared error, where its derivative is 0:
// slope = cov(x, y) / var(x),   intercept = mean(y) - slope mean(x)
Line least_squares(const Var& x, const Var& y) {
  const Var dx = x - mean(x), dy = y - mean(y);
  const double slope = (mean(dx * dy) / mean(square(dx))).item();
  return {slope, mean(y).item() - slope * mean(x).item()};
}

Curves drawn(const Line& line, Color color, const std::string& label) {
  const auto at = [&](double x) { return Point2{x, line.slope * x + line.intercept}; };
  return {.lines = {{at(-2.2), at(2.2)}}, .color = color, .label = label};
}

void run(const std::filesystem::path& out) {
  Rng rng(2);
  const Var x = rng.uniform({100, 1}, -2, 2);
  const Var y = real(0.7) * x - real(0.4) + real(0.3) * rng.normal({100, 1});

  Linear line(1, 1, rng);  // y = W x + b
  line.W = Tensor({{real(-0.8)}});
  line.b = Tensor(Shape{1}, real(0.9));
  Weights weights(parameters(line));
  Sgd downhill(weights, 0.1);
  PointFigure figure{.name = "step2_line",
                     .panels = {{.title = "A line goes downhill to the points",
                                 .clouds = {{.points = to_points(concat({x, y}, 1).value()),
                                             .label = "data",
                                             .size = 2}}}},
                     .x_label = "x",
                     .y_label = "y",
                     .limits = Limits{{-2.2, 2.2}, {-2.2, 2.7}}};
  fmt::print("{:>6} {:>10} {:>10} {:>10}\n", "step", "slope", "intercept", "loss");
  const std::vector<Color> shades{0xF7C59F, 0xF2A365, 0xE67E22, 0xB4530B};
  for (int step = 0; step <= 64; ++step) {
    Tape tape(weights);
    const Var loss = mean(square(line(x) - y));
    if (step == 0 || step == 2 || step == 8 || step == 64) {
      const Line now{line.W.value().item(), line.b.value().item()};
      fmt::print("{:6} {:10.4f} {:10.4f} {:10.4f}\n", step, now.slope, now.intercept, loss.item());
      figure.panels[0].curves.push_back(
          drawn(now, shades[figure.panels[0].curves.size()],
                step == 0 ? "start" : fmt::format("after {} steps", step)));
    }
    downhill.step(tape.backward(loss));
  }
  const Line best = least_squares(x, y);
  fmt::print("{:>6} {:10.4f} {:10.4f}   (least squares)\n", "best", best.slope, best.intercept);
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Fits a line by gradient descent.", gradflow::run);
}
