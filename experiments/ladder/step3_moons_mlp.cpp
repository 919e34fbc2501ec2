// Step 3 of the ladder: a network tells two moons apart.
//
// The new idea: lines with a bend between them. Linear layers in a row are one line again; with a
// LeakyReLU after each, the network (Mlp) can follow any boundary. Nothing else changes: a loss, a
// tape, a step downhill (Adam's, with a step size of its own for every number).

#include <fmt/format.h>

#include "experiments/data/moons.h"
#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "nn/mlp.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

// The mean of -log p(label), where the network's score u says that p(1) = sigmoid(u).
Var cross_entropy(const Var& u, const Var& label) { return mean(softplus(u) - u * label); }

Tensor as_column(const std::vector<Index>& labels) {
  return {{std::ssize(labels), 1}, std::vector<real>(labels.begin(), labels.end())};
}

double accuracy(const Mlp& network, const Data& data) {
  const Var margin = network(data.points) * (as_column(data.labels) - real(0.5));
  double right = 0;
  for (const real m : margin.value().values()) right += m > 0;
  return right / static_cast<double>(data.size());
}

// Points (N, 2) as two clouds, by the sign of a number for each.
std::array<Cloud, 2> parted(const Tensor& points, const Tensor& number, Cloud below, Cloud above) {
  const Points2 all = to_points(points);
  for (std::size_t i = 0; i < all.size(); ++i)
    (number.values()[i] > 0 ? above : below).points.push_back(all[i]);
  return {below, above};
}

// The data over what the network says of every place, at points so dense that they look like areas.
Panel picture(int step, const Mlp& network, const Data& data) {
  const Var x = reshape(linspace(real(-1.6), real(2.6), 240), {1, 240, 1});
  const Var y = reshape(linspace(real(-1.2), real(1.74), 168), {168, 1, 1});
  const Var at = reshape(concat({x + real(0) * y, y + real(0) * x}, 2), {168 * 240, 2});  // all
  const auto area = parted(at.value(), network(at).value(), {.color = 0xDCE9F5, .opacity = 1},
                           {.color = 0xFBE3D6, .opacity = 1});
  const auto moon = parted(data.points, (as_column(data.labels) - real(0.5)).value(),
                           {.color = colors::blue, .label = "upper moon", .size = 1.5},
                           {.color = 0xD55E00, .label = "lower moon", .size = 1.5});
  return {.title = fmt::format("{} steps", step), .clouds = {area[0], area[1], moon[0], moon[1]}};
}

void run(const std::filesystem::path& out) {
  Rng rng(3);
  const Data data = sample_moons(500, rng, 0.15), fresh = sample_moons(5000, rng, 0.15);
  Mlp network({2, 32, 32, 1}, rng);
  Weights weights(parameters(network));
  Adam adam(weights, {.learning_rate = 5e-3});
  PointFigure figure{.name = "step3_moons_mlp", .limits = Limits{{-1.6, 2.6}, {-1.2, 1.74}}};
  fmt::print("{:>6} {:>10} {:>18} {:>18}\n", "step", "loss", "accuracy (seen)", "accuracy (new)");
  for (int step = 0; step <= 600; ++step) {
    Tape tape(weights);
    const Var loss = cross_entropy(network(data.points), as_column(data.labels));
    if (step == 0 || step == 30 || step == 600) {
      fmt::print("{:6} {:10.4f} {:16.1f} % {:16.1f} %\n", step, loss.item(),
                 100 * accuracy(network, data), 100 * accuracy(network, fresh));
      figure.panels.push_back(picture(step, network, data));
    }
    adam.step(tape.backward(loss));
  }
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Trains a network to tell two moons apart.", gradflow::run);
}
