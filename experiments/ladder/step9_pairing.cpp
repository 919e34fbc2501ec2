// Step 9 of the ladder: lines that cross, and lines that do not.
//
// The new idea: who goes where is a choice. Where lines cross, the network learns a mean that none
// of them has, and its paths must bend. Pairs that are as near as can be hardly cross.

#include <fmt/format.h>

#include "experiments/data/moons.h"
#include "experiments/draw/figure.h"
#include "experiments/draw/views.h"
#include "experiments/ladder/ladder.h"
#include "flows/linear/standardize.h"
#include "flows/matching/reflow.h"
#include "nn/optimizer.h"

namespace gradflow {
namespace {

constexpr Index kBatch = 128, kSteps = 2000;

// The ways along a field, of 51 states each, coloured by the time.
Curves ways(const Field& field, const Tensor& start) {
  Curves all{.width = 1.3};
  all.lines.resize(static_cast<std::size_t>(kBatch));
  all.values.assign(all.lines.size(), evenly(0, 1, 51));
  for (const Var& state : trajectory(field, start, {0, 1}, euler, 50))
    for (std::size_t i = 0; i < all.lines.size(); ++i)
      all.lines[i].push_back(to_points(state.value())[i]);
  return all;
}

bool left(const Point2& p, const Point2& q, const Point2& r) {  // of the line from p to q is r
  return (q[0] - p[0]) * (r[1] - p[1]) > (q[1] - p[1]) * (r[0] - p[0]);
}
int crossings(const Points2& a, const Points2& b) {  // of the lines from a_i to b_i
  int count = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      count += left(a[i], b[i], a[j]) != left(a[i], b[i], b[j]) &&
               left(a[j], b[j], a[i]) != left(a[j], b[j], b[i]);
  return count;
}

void run(const std::filesystem::path& out) {
  PointFigure figure{.name = "step9_pairing", .limits = kPathLimits, .columns = 2};
  figure.panels.resize(4);
  for (const bool near : {false, true}) {
    Rng rng(9);
    const Tensor moons = sample_moons(kSteps * kBatch, rng).points;
    const Tensor data = Standardize::of(moons).to_latent(moons).points.value();
    FlowMatching model(2, {.hidden = {64, 64, 64}, .activation = activations::silu}, rng);
    Weights weights(parameters(model));
    Adam adam(weights, {.learning_rate = 2e-3});
    const Pairing pairing = near ? Pairing(optimal) : independent;
    for (Index step = 0; step < kSteps; ++step) {
      Tape tape(weights);
      const Data batch{data.rows(step * kBatch, (step + 1) * kBatch), {}};
      adam.step(tape.backward(model.loss(batch, rng, straight, pairing)));
    }
    const Tensor noise = rng.normal({kBatch, 2}), end = data.rows(0, kBatch);
    const Tensor start = pairing(noise, {end, {}}, rng);
    const std::string name = near ? "optimal" : "independent";
    fmt::print("{:>11}: {:4} of {} pairs of lines cross; the paths are {:.3f} from straight\n",
               name, crossings(to_points(start), to_points(end)), kBatch * (kBatch - 1) / 2,
               straightness(model.network.field(), noise));
    const Field line = [&](const Var&, const Var&) { return Var(end) - start; };
    figure.panels[near] = {.title = name + " pairs: lines", .curves = {ways(line, start)}};
    figure.panels[2 + near] = {.title = name + " pairs: paths",
                               .curves = {ways(model.network.field(), noise)}};
  }
  draw(figure, {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Pairs noise and data in two ways.", gradflow::run);
}
