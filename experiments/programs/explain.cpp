// Pictures that explain what the trained models do. They go beyond the figures of the report: a
// grid that the layers warp, the velocity as arrows, densities, straight lines and curved paths,
// the losses' way to their floors, how far the noise is moved, and both families at work, in an
// animation.
//
// Nothing is trained here: the weights are those that the three experiments saved. Read `run`
// first; each picture is a function above it.
#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "experiments/data/rings.h"
#include "experiments/draw/animation.h"
#include "experiments/draw/gallery.h"
#include "experiments/draw/views.h"
#include "experiments/metrics/density.h"
#include "experiments/metrics/distances.h"
#include "experiments/programs/models.h"
#include "flows/continuous.h"
#include "flows/linear/permutation.h"

namespace gradflow {
namespace {

using nlohmann::json;
using TrainedFlow = Trained<Flow>;
using TrainedField = Trained<FlowMatching>;

Points2 rounded(Points2 points) {  // to what can be seen
  for (Point2& p : points)
    for (double& x : p) x = std::round(x * 1e4) / 1e4;
  return points;
}

Point2 point(const Tensor& points, Index row) {
  return {points.data()[2 * row], points.data()[2 * row + 1]};
}

Tensor to_tensor(const Points2& points) {
  Tensor result({std::ssize(points), 2});
  real* out = result.mutable_data();
  for (const Point2& p : points)
    for (const double x : p) *out++ = static_cast<real>(x);
  return result;
}

// --- The layers of the normalizing flow, their permutations undone for the eye -------------------

// Where each coordinate, seen before layer k, ends up if from there on the layers only permute:
// x_at_the_end[i] = x[order[i]]. One order for each state, the last of which is 0, 1.
std::vector<std::vector<Index>> orders_to_the_end(const Chain& chain) {
  std::vector<std::vector<Index>> orders{{0, 1}};
  for (Index layer = chain.size(); layer-- > 0;) {
    std::vector<Index> order = orders.back();
    if (const auto* permutation = chain[layer].as<Permutation>())
      for (Index& i : order) i = permutation->order()[static_cast<std::size_t>(i)];
    orders.push_back(order);
  }
  std::ranges::reverse(orders);
  return orders;
}

// The states after each coupling, 0 of them first. In each, the coordinates stand as they will in
// the end; so all that is seen is what the couplings do, each along one axis.
std::vector<Tensor> states_by_coupling(const Flow& flow, const Tensor& noise) {
  const Chain& chain = *flow.bijection.as<Chain>();
  const auto orders = orders_to_the_end(chain);
  std::vector<Index> start(2);
  for (std::size_t i = 0; i < 2; ++i)
    start[static_cast<std::size_t>(orders[0][i])] = static_cast<Index>(i);
  const auto states = chain.states_to_data(kernel::gather(noise, start, 1));
  std::vector<Tensor> result;
  for (std::size_t k = 0; k < states.size(); k += 2)  // a coupling and a permutation each
    result.push_back(kernel::gather(states[k], orders[k], 1));
  return result;
}

// --- 1: a grid, warped ---------------------------------------------------------------------------

// The lines of a square grid, as far as they lie within a circle.
std::vector<Points2> round_grid(double radius, double spacing, double step) {
  std::vector<Points2> lines;
  const auto count = static_cast<int>(radius / spacing);
  for (int k = -count; k <= count; ++k) {
    const double at = k * spacing, reach = std::sqrt(std::max(0.0, radius * radius - at * at));
    const auto pieces = static_cast<std::size_t>(std::ceil(2 * reach / step));
    if (pieces < 2) continue;
    Points2 across, up;
    for (const double s : evenly(-reach, reach, pieces + 1)) {
      across.push_back({s, at});
      up.push_back({at, s});
    }
    lines.push_back(across);
    lines.push_back(up);
  }
  return lines;
}

PointFigure grid_figure(const TrainedFlow& flow, const Cloud& data) {
  constexpr double kRadius = 2.5;  // 96 % of the noise lies within
  const std::vector<Points2> lines = round_grid(kRadius, 0.25, 0.0125);
  Points2 all;
  for (const Points2& line : lines) all.insert(all.end(), line.begin(), line.end());
  const std::vector<Tensor> states = states_by_coupling(flow.model, to_tensor(all));

  PointFigure figure{.name = "extra_nf_grid",
                     .limits = Limits{{-2.6, 2.6}, {-2.6, 2.6}},
                     .bar = {"distance of the noise from the origin", {0, kRadius}}};
  const std::size_t couplings = states.size() - 1;
  for (std::size_t panel = 0; panel <= 5; ++panel) {
    const std::size_t k = couplings * panel / 5;
    Curves grid{.width = 0.6};
    Index row = 0;
    for (const Points2& line : lines) {
      Points2 warped;
      std::vector<double> distances;
      for (const Point2& z : line) {
        warped.push_back(point(states[k], row++));
        distances.push_back(std::hypot(z[0], z[1]));
      }
      grid.lines.push_back(warped);
      grid.values.push_back(distances);
    }
    figure.panels.push_back(
        {.title = k == 0 ? "noise" : fmt::format("after {} of {} couplings", k, couplings),
         .clouds = {data},
         .curves = {grid}});
  }
  return figure;
}

// --- 2: the velocity as arrows -------------------------------------------------------------------

Tensor velocity_at(const FlowMatching& model, const Tensor& places, double t) {
  return model.velocity(places, Tensor({places.rows(), 1}, static_cast<real>(t))).value();
}

PointFigure velocity_figure(const TrainedField& field) {
  constexpr Index kPoints = 2500, kSteps = 200;
  constexpr double kSpacing = 0.375, kLongest = 4;
  constexpr int kReach = 8;  // arrows to each side of the origin
  const auto states = field.model.carry_states(Rng(1).fork(600).normal({kPoints, 2}), {0, 1}, {},
                                               midpoint, {kSteps});
  Points2 places;
  for (int y = -kReach; y <= kReach; ++y)
    for (int x = -kReach; x <= kReach; ++x) places.push_back({x * kSpacing, y * kSpacing});
  const Tensor at = to_tensor(places);

  PointFigure figure{.name = "extra_fm_velocity",
                     .limits = Limits{{-3.4, 3.4}, {-3.4, 3.4}},
                     .bar = {"speed |v|", {0, kLongest}}};
  for (std::size_t panel = 0; panel <= 5; ++panel) {
    const double t = 0.2 * static_cast<double>(panel);
    const Tensor v = velocity_at(field.model, at, t);
    figure.panels.push_back({.title = fmt::format("t = {:.1f}", t),
                             .clouds = {{.points = to_points(states[panel * (kSteps / 5)]),
                                         .color = colors::grey,
                                         .opacity = 0.35}},
                             .arrows = {{.at = places, .vectors = to_points(v), .scale = 0.12}}});
  }
  return figure;
}

// --- 3: densities --------------------------------------------------------------------------------

constexpr Index kDensitySteps = 100;  // of the midpoint rule, from t = 1 to t = 0

struct Density {
  std::string key, name;
  std::vector<double> values = {};
  double sampled = 1;  // the share of its samples inside the grid
};

double share_inside(const Tensor& points, const Limits& limits) {
  Index inside = 0;
  for (Index i = 0; i < points.rows(); ++i) {
    const auto [x, y] = point(points, i);
    inside += limits.x.low < x && x < limits.x.high && limits.y.low < y && y < limits.y.high;
  }
  return static_cast<double>(inside) / static_cast<double>(points.rows());
}

std::vector<Density> densities(const TrainedFlow& flow, const TrainedField& field,
                               const DensityGrid& grid) {
  constexpr Index kSamples = 10'000;
  Rng rng = Rng(1).fork(700);
  const Flow carried(
      Continuous(field.model.network, {.tableau = midpoint, .steps = {kDensitySteps}}));
  return {{"data", "the data, exactly", exact_density_on(grid, flow.units)},
          {"normalizing_flow", "normalizing flow",
           density_on(grid, [&](const Tensor& y) { return flow.model.log_prob(y).value(); }),
           share_inside(flow.model.sample(kSamples, rng), grid.limits)},
          {"flow_matching", "flow matching",
           density_on(grid, [&](const Tensor& y) { return carried.log_prob(y).value(); }),
           share_inside(field.model.carry(rng.normal({kSamples, 2}), {0, 1}, {}, midpoint, {100}),
                        grid.limits)}};
}

json measure_densities(const std::vector<Density>& all, const DensityGrid& grid) {
  json rows = json::array();
  say("densities on {0} x {0} cells:\n", grid.cells);
  for (const Density& q : all) {
    if (q.key == "data") continue;
    const double inside = mass(grid, q.values), nll = cross_entropy(grid, all[0].values, q.values);
    rows.push_back({{"model", q.key},
                    {"mass", inside},
                    {"samples_inside", q.sampled},
                    {"nll", nll},
                    {"kl", nll - kNllFloor}});
    say("  {:16}  mass {:.4f} ({:.4f} of its samples are there)  NLL {:.4f}  KL {:.4f}\n", q.name,
        inside, q.sampled, nll, nll - kNllFloor);
  }
  return rows;
}

PointFigure density_figure(const std::vector<Density>& all, const DensityGrid& grid) {
  PointFigure figure{.name = "extra_density",
                     .limits = grid.limits,
                     .bar = {"density", {0, 2 * std::exp(-kNllFloor)}}};
  for (const Density& density : all)
    figure.panels.push_back(density_panel(density.name, grid, density.values));
  return figure;
}

// --- 4: straight lines and curved paths ----------------------------------------------------------

// A line or a path coloured by t.
void add_timed(Curves& curves, const Points2& points) {
  curves.lines.push_back(points);
  curves.values.push_back(evenly(0, 1, points.size()));
}

Points2 straight(const Point2& from, const Point2& to) {
  Points2 points;
  for (const double t : evenly(0, 1, 21))
    points.push_back({(1 - t) * from[0] + t * to[0], (1 - t) * from[1] + t * to[1]});
  return points;
}

// The lines that pass through `place` at time t, and the mean of their velocities. A line through
// it to the data point y_1 began at y_0 = (place - t y_1) / (1 - t), and is as likely as that is as
// noise.
struct LinesThrough {
  Point2 place;
  double t;
  Curves lines = {};
  Point2 mean = {};
};

LinesThrough lines_through(const Point2& place, double t, const Tensor& data, int drawn) {
  LinesThrough result{place, t};
  std::vector<double> weights;
  double total = 0;
  for (Index i = 0; i < data.rows(); ++i) {
    const Point2 y_1 = point(data, i);
    double squared = 0;
    for (std::size_t k = 0; k < 2; ++k) squared += std::pow((place[k] - t * y_1[k]) / (1 - t), 2);
    weights.push_back(std::exp(-squared / 2));
    total += weights.back();
    for (std::size_t k = 0; k < 2; ++k)
      result.mean[k] += weights.back() * (y_1[k] - place[k]) / (1 - t);
  }
  for (double& v : result.mean) v /= total;
  double passed = 0;  // each drawn line stands for as much weight as any other
  for (Index i = 0; i < data.rows(); ++i) {
    const double before = std::floor(passed / total * drawn);
    passed += weights[static_cast<std::size_t>(i)];
    if (std::floor(passed / total * drawn) == before) continue;
    const Point2 y_1 = point(data, i);
    const Point2 y_0{(place[0] - t * y_1[0]) / (1 - t), (place[1] - t * y_1[1]) / (1 - t)};
    add_timed(result.lines, straight(y_0, y_1));
  }
  result.lines.width = 1;
  return result;
}

PointFigure lines_and_paths_figure(const TrainedField& field, const Tensor& data,
                                   const Cloud& background, json& measured) {
  constexpr Index kLines = 40;
  const Tensor noise = Rng(3).fork(800).normal({kLines, 2});
  Curves lines{.width = 1.2}, paths{.width = 1.6};
  const auto states = field.model.carry_states(noise, {0, 1}, {}, midpoint, {100});
  for (Index i = 0; i < kLines; ++i) {
    add_timed(lines, straight(point(noise, i), point(data, i)));
    Points2 path;
    for (const Tensor& state : states) path.push_back(point(state, i));
    add_timed(paths, path);
  }
  const LinesThrough through = lines_through({1.6, 1}, 0.25, data, 40);
  const Tensor v = velocity_at(field.model, to_tensor({through.place}), through.t);
  measured = {{"place", through.place},
              {"t", through.t},
              {"mean_of_lines", through.mean},
              {"network", point(v, 0)}};
  say("velocity at ({}, {}), t = {}: mean of the lines ({:.3f}, {:.3f}), network ({:.3f}, "
      "{:.3f})\n",
      through.place[0], through.place[1], through.t, through.mean[0], through.mean[1], v.data()[0],
      v.data()[1]);

  PointFigure figure{.name = "extra_fm_lines_and_paths",
                     .limits = Limits{{-2.5, 2.5}, {-2.5, 2.5}}};
  figure.panels = {
      {.title = "training: straight lines", .clouds = {background}, .curves = {lines}},
      {.title = fmt::format("lines through one place at t = {}", through.t),
       .clouds = {background},
       .curves = {through.lines},
       .arrows = {{.at = {through.place},
                   .vectors = {through.mean},
                   .scale = 1 - through.t,  // so that it ends at the mean of their ends
                   .color = colors::black,
                   .label = "mean velocity of these lines"},
                  {.at = {through.place},
                   .vectors = {point(v, 0)},
                   .scale = 1 - through.t,
                   .color = colors::red,
                   .label = "velocity of the network"}}},
      {.title = "sampling: curved paths", .clouds = {background}, .curves = {paths}}};
  return figure;
}

// --- 5: how the losses approach their floors -----------------------------------------------------

LineFigure floors_figure(const History& flow, const History& field, const History& conditional) {
  LineFigure figure{.name = "extra_losses",
                    .title = "How far the losses are from their floors",
                    .x_label = "epoch",
                    .y_label = "loss − floor",
                    .log_y = true};
  const auto add = [&](const std::string& label, const std::vector<double>& values, double floor) {
    Series series{.label = label, .x = epoch_numbers(values.size())};
    for (const double value : values) series.y.push_back(value - floor);
    figure.series.push_back(series);
  };
  add("normalizing flow (nats)", metric(flow, "validation_nll"), kNllFloor);
  add("flow matching", losses(field), kFlowMatchingFloor);
  add("conditional flow matching", losses(conditional), kConditionalFlowMatchingFloor);
  return figure;
}

// --- 6: how far the noise is moved ---------------------------------------------------------------

// Of each family: the mean of |x - z|^2 over noise points z and what x the model makes of them; and
// the least that this can be if the same z are joined to the same x as is best for the sum.
json measure_transport(const TrainedFlow& flow, const TrainedField& field) {
  constexpr Index kMoved = 2000;
  const Tensor noise = Rng(5).fork(1000).normal({kMoved, 2});
  json rows = json::array();
  const auto add = [&](const char* model, const Tensor& moved) {
    const double cost = mean(sum(square(Var(moved) - noise), 1)).item();
    const double least = std::pow(wasserstein_2(noise, moved), 2);
    say("{}: moves noise by {:.3f} (mean square), at least {:.3f}\n", model, cost, least);
    rows.push_back({{"model", model}, {"cost", cost}, {"least", least}});
  };
  add("normalizing_flow", flow.model.bijection->to_data(noise).points.value());
  add("flow_matching", field.model.carry(noise, {0, 1}, {}, midpoint, {100}));
  return rows;
}

// --- 7: both families at work --------------------------------------------------------------------

// Each point in the colour of the ring that it ends nearest to.
std::vector<std::size_t> nearest_rings(const Tensor& raw) {
  std::vector<std::size_t> nearest;
  for (Index i = 0; i < raw.rows(); ++i) {
    const auto [x, y] = point(raw, i);
    std::array<double, kRings.size()> distances{};
    for (std::size_t k = 0; k < kRings.size(); ++k)
      distances[k] = std::abs(std::hypot(x - kRings[k].x, y - kRings[k].y) - 1);
    nearest.push_back(
        static_cast<std::size_t>(std::ranges::min_element(distances) - distances.begin()));
  }
  return nearest;
}

std::vector<Cloud> clouds_by_ring(const Tensor& points, const std::vector<std::size_t>& rings) {
  std::vector<Cloud> clouds;
  for (std::size_t k = 0; k < kRings.size(); ++k) {
    Cloud cloud{.color = color_of(kRings[k]), .opacity = 0.8, .size = 1.25};
    for (Index i = 0; i < points.rows(); ++i)
      if (rings[static_cast<std::size_t>(i)] == k) cloud.points.push_back(point(points, i));
    cloud.points = rounded(cloud.points);
    clouds.push_back(std::move(cloud));
  }
  return clouds;
}

// Between two couplings the points glide: at a share of the way from 0 to 1, slowly at both ends.
Tensor between(const Tensor& a, const Tensor& b, double share) {
  const auto eased = static_cast<real>(share * share * (3 - 2 * share));
  return (a + eased * (b - a)).value();
}

Animation animation(const TrainedFlow& flow, const TrainedField& field, bool quick) {
  const std::size_t frames_each = quick ? 1 : 4;  // of each coupling
  const Tensor noise = Rng(4).fork(900).normal({quick ? 300 : 1000, 2});
  const std::vector<Tensor> layers = states_by_coupling(flow.model, noise);
  const std::size_t couplings = layers.size() - 1, frames = couplings * frames_each;
  constexpr std::size_t kStepsEach = 4;
  const auto times = field.model.carry_states(noise, {0, 1}, {}, midpoint,
                                              {static_cast<Index>(frames * kStepsEach)});
  const auto flow_rings = nearest_rings(flow.in_data_units(layers.back()));
  const auto field_rings = nearest_rings(field.in_data_units(times.back()));

  Animation result{.name = "extra_animation"};
  for (std::size_t i = 0; i <= frames; ++i) {
    const std::size_t k = std::min(i / frames_each, couplings - 1);
    const double share =
        static_cast<double>(i - k * frames_each) / static_cast<double>(frames_each);
    const std::size_t number = std::min(i / frames_each + 1, couplings);
    const double t = static_cast<double>(i) / static_cast<double>(frames);
    PointFigure frame{.limits = Limits{{-3.2, 3.2}, {-3.2, 3.2}}, .columns = 2};
    frame.panels = {
        {.title = fmt::format("normalizing flow: coupling {} of {}", number, couplings),
         .clouds = clouds_by_ring(between(layers[k], layers[k + 1], share), flow_rings)},
        {.title = fmt::format("flow matching: t = {:.2f}", t),
         .clouds = clouds_by_ring(times[i * kStepsEach], field_rings)}};
    result.frames.push_back(std::move(frame));
  }
  return result;
}

int run(const RunOptions& options) {
  const TrainedFlow flow = trained_normalizing_flow(options);
  const TrainedField field = trained_flow_matching(options);
  const History conditional = trained_conditional_flow_matching(options).history;
  Rng rng = Rng(1).fork(500);
  const Tensor data = field.standardized(sample_rings(options.quick ? 5000 : 50'000, rng));
  const Cloud faint = background(data);

  const DensityGrid grid{kRingLimits, options.quick ? 60 : 200};
  const std::vector<Density> all = densities(flow, field, grid);
  json section{{"density", measure_densities(all, grid)},
               {"transport", measure_transport(flow, field)}};
  const auto figures =
      drawings(grid_figure(flow, faint), velocity_figure(field), density_figure(all, grid),
               lines_and_paths_figure(field, data, faint, section["velocity"]),
               floors_figure(flow.history, field.history, conditional));
  write_report(options.out, "beyond", section);
  draw_all(figures, options);
  if (animate(animation(flow, field, options.quick), {.directory = options.out}))
    say("extra_animation.gif made in {}\n", options.out.string());
  return 0;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  RunOptions options;
  const char* const about =
      "Draws pictures that explain the trained models, from the weights that the experiments "
      "saved.";
  if (const auto end = parse_drawing_options(argc, argv, about, options)) return *end;
  return run_program(options, [&] { return run(options); });
}
