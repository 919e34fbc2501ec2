// Step 4 of the ladder: a coupling layer warps a grid.
//
// The new idea: a map that a network shapes and that can still be undone. An affine coupling leaves
// one coordinate alone and scales and shifts the other by amounts that depend on the first:
// vertical lines stay where they are and slide along themselves. After a swap the next coupling
// moves the other coordinate. log_det says by how much areas grow: we measure a small square to
// believe it.

#include <fmt/format.h>

#include <cmath>

#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "flows/chain.h"
#include "flows/coupling.h"
#include "flows/linear/permutation.h"
#include "flows/univariate/affine.h"

namespace gradflow {
namespace {

Coupling smooth_coupling(Rng& rng) {
  Coupling layer(2, affine(1),
                 {.hidden = {16}, .activation = activations::tanh, .start_as_identity = false},
                 rng);
  for (const auto& [name, parameter] : parameters(layer))  // untrained; larger weights bend more
    *parameter = (real(2.2) * parameter->value()).value();
  return layer;
}

// The images of 21 vertical and 21 horizontal lines.
Panel warped(const std::string& title, const Bijection& map) {
  Curves vertical{.color = colors::blue}, horizontal{.color = 0xD55E00};
  const auto image = [&](const Var& x, const Var& y) {
    return to_points(map.to_data(concat({x, y}, 1)).points.value());
  };
  const Tensor along = linspace(-2, 2, 200).reshaped({200, 1});
  const Tensor places = linspace(-2, 2, 21);
  for (const real at : places.values()) {
    vertical.lines.push_back(image(Tensor({200, 1}, at), along));
    horizontal.lines.push_back(image(along, Tensor({200, 1}, at)));
  }
  return {.title = title, .curves = {vertical, horizontal}};
}

// The area of the image of a small square around (x, y), over that of the square.
double measured_growth(const Bijection& map, real x, real y) {
  const real h = real(0.01);
  const Tensor corners({{x + h, y}, {x - h, y}, {x, y + h}, {x, y - h}});  // it stands on a corner
  const Points2 c = to_points(map.to_data(corners).points.value());
  return std::abs((c[0][0] - c[1][0]) * (c[2][1] - c[3][1]) -  // its diagonals' cross product
                  (c[0][1] - c[1][1]) * (c[2][0] - c[3][0])) /
         (4 * h * h);
}

void run(const std::filesystem::path& out) {
  Rng rng(11);
  const Coupling one = smooth_coupling(rng);
  const Chain two{one, Permutation::reversal(2), smooth_coupling(rng)};

  fmt::print("{:>14} {:>14} {:>14}\n", "at", "area grows by", "exp(log_det)");
  for (const auto& [x, y] : std::vector<std::array<real, 2>>{{-1.5, 1}, {0, 0}, {1, -1.5}})
    fmt::print("{:>14} {:14.4f} {:14.4f}\n", fmt::format("({}, {})", x, y),
               measured_growth(two, x, y), std::exp(two.to_data(Tensor({{x, y}})).log_det.item()));
  const Var z = rng.normal({1000, 2}), back = two.to_latent(two.to_data(z).points).points;
  fmt::print("there and back again: off by at most {:.1e}\n", max(abs(back - z)).item());
  const std::vector<Panel> panels{warped("a grid", Permutation({0, 1})),
                                  warped("one coupling", one),
                                  warped("a swap, another coupling", two)};
  draw(PointFigure{.name = "step4_warped_grid", .panels = panels}, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Warps a grid with coupling layers.", gradflow::run);
}
