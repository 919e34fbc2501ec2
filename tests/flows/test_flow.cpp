// Flows: that their density is one and belongs to their samples; recipes; what is recorded.

#include "flows/flow.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "flows/coupling.h"
#include "flows/linear/permutation.h"
#include "flows/recipes.h"
#include "flows/univariate/affine.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

Flow random_flow(real size = real(0.5), Index context = 0) {
  Rng rng(12);
  Flow flow = real_nvp(2, {.layers = 4, .network = {.context = context}}, rng);
  randomize(parameters(flow), size, 12);
  return flow;
}

// The integral of g(p(x)) over a square that holds all but a billionth of the random flow's mass.
// known: a context (1, C) for all points, if the flow wants one.
double integral(const Flow& flow, const std::function<double(double)>& g,
                const Tensor& known = zeros({1, 0})) {
  constexpr Index kCells = 400;
  constexpr double kSide = 20, kCell = kSide / double(kCells);
  const Index size = known.shape()[1];
  const Var context = size == 0 ? no_context : broadcast_to(known, {kCells, size});
  double total = 0;
  for (Index i = 0; i < kCells; ++i) {
    Tensor row({kCells, 2});  // the middles of a row of cells
    for (Index k = 0; k < kCells; ++k) {
      row.mutable_data()[2 * k] = real((double(k) + 0.5) * kCell - kSide / 2);
      row.mutable_data()[2 * k + 1] = real((double(i) + 0.5) * kCell - kSide / 2);
    }
    const Tensor log_prob = flow.log_prob(row, context).value();
    for (const real value : log_prob.values()) total += g(std::exp(double{value}));
  }
  return total * kCell * kCell;
}

TEST_CASE("the density of a flow integrates to 1, whatever the context") {
  CHECK(integral(random_flow(), [](double p) { return p; }) == Approx(1).margin(1e-3));
  const Flow flow = random_flow(real(0.35), 2);
  for (const real c : {real(-1), real(2)})
    CHECK(integral(
              flow, [](double p) { return p; }, Tensor({{c, 1}})) == Approx(1).margin(1e-3));
}

TEST_CASE("samples and density belong to each other") {
  // The mean of log p over samples is that over the density, to four standard errors.
  const Flow flow = random_flow();
  const double mean = integral(flow, [](double p) { return p > 0 ? p * std::log(p) : 0; });
  const double square =
      integral(flow, [](double p) { return p > 0 ? p * std::log(p) * std::log(p) : 0; });
  constexpr Index kSamples = 20'000;
  Rng rng(13);
  const Tensor log_prob = flow.log_prob(flow.sample(kSamples, rng)).value();
  double sampled = 0;
  for (const real value : log_prob.values()) sampled += value / double(kSamples);
  CHECK(std::abs(sampled - mean) < 4 * std::sqrt((square - mean * mean) / double(kSamples)));
}

TEST_CASE("samples come with their own log_prob, from one pass") {
  for (const auto& [name, recipe] : kRecipes)
    for (const Index dim : {2, 3, 5})
      for (const Index context : {0, 3}) {
        CAPTURE(name, dim, context);
        Rng rng(20);
        Flow flow = recipe(dim, {.layers = 3, .network = {.context = context}}, rng);
        randomize(parameters(flow), real(0.4), 20);
        const Var known = context > 0 ? Var(rng.normal({50, context})) : no_context;
        Rng first(21), same(21);
        const auto [points, log_prob] = flow.sample_with_log_prob(50, first, known);
        CHECK(difference(points, reference(flow.sample(50, same, known)), 1000, 1) == "");
        CHECK(difference(log_prob, reference(flow.log_prob(points, known).value()), 2000, 4) == "");
      }
}

TEST_CASE("the standard normal density") {
  const double log_two_pi = std::log(2 * std::numbers::pi);
  const Tensor z({{0, 0}, {1, 0}, {3, -4}});
  const Tensor log_prob = standard_normal_log_prob(z).value();
  CHECK(log_prob.shape() == Shape{3});
  CHECK(close(log_prob.at({0}), -log_two_pi, 4));
  CHECK(close(log_prob.at({1}), -log_two_pi - 0.5, 4));
  CHECK(close(log_prob.at({2}), -log_two_pi - 12.5, 4));
  CHECK(close(standard_normal_log_prob(Tensor({{1, 2, 3, 4, 5}})).value().item(),
              -2.5 * log_two_pi - 27.5, 4));
  const StandardNormal base(2);
  CHECK(difference(base.log_prob(z), log_prob) == "");
  Rng rng(1), same(1);
  CHECK(difference(base.sample(7, rng), same.normal({7, 2})) == "");
  CHECK(message_of<ShapeError>([&] { base.log_prob(ones({3})); }) ==
        "StandardNormal::log_prob: points (3) given; (B, 2) are required");
  CHECK(message_of<ShapeError>([&] { base.sample(-1, rng); }) ==
        "StandardNormal::sample: -1 samples given; 0 or more");
  CHECK(base.sample(0, rng).shape() == Shape{0, 2});
}

TEST_CASE("log_prob is that of the latent point and the determinant") {
  const Flow flow = random_flow();
  Rng rng(14);
  const Tensor x = rng.normal({20, 2});
  const auto parts = flow.log_prob_parts(x);
  const Mapped latent = flow.bijection->to_latent(x);
  CHECK(difference(parts.prior.value(), standard_normal_log_prob(latent.points).value()) == "");
  CHECK(difference(parts.log_det.value(), latent.log_det.value()) == "");
  CHECK(difference(flow.log_prob(x).value(), parts.total().value()) == "");
}

TEST_CASE("a new flow is the standard normal distribution, exactly") {
  for (const auto& [name, recipe] : kRecipes)
    for (const Index dim : {2, 5}) {
      CAPTURE(name, dim);
      Rng rng(15);
      const Flow flow = recipe(dim, {}, rng);
      const Tensor x = rng.normal({100, dim});
      // Sums of squares in another order of the coordinates; and splines that are the identity up
      // to some roundings in each of their 15 layers.
      const double roundings = contains(name, "spline") ? 15 * 10 : 8;
      CHECK(difference(flow.log_prob(x), reference(standard_normal_log_prob(x).value()),
                       roundings) == "");

      const FlowOptions options{.network = {.start_as_identity = false}};
      const Flow random = recipe(dim, options, rng);
      CHECK(difference(random.log_prob(x).value(), standard_normal_log_prob(x).value()) != "");
    }
}

TEST_CASE("gradients of a flow's loss are right for every parameter") {
  Rng rng(23);
  Flow flow = real_nvp(2, {.layers = 3, .network = {.start_as_identity = false}}, rng);
  const Tensor x = rng.normal({4, 2});
  const auto loss = [&] { return -mean(flow.log_prob(x)); };
  CHECK(without_gradient(parameters(flow), loss) == "");
  CHECK(wrong_gradient(parameters(flow), loss) == "");
}

TEST_CASE("a gradient goes through samples, too") {
  for (const auto& [name, recipe] : kRecipes) {
    CAPTURE(name);
    Rng rng(24);
    const FlowOptions options{
        .layers = 2,
        .network = {.hidden = {4}, .activation = activations::tanh, .start_as_identity = false}};
    Flow flow = recipe(3, options, rng);
    const auto loss = [&] {
      Rng fixed(25);
      const auto [points, log_prob] = flow.sample_with_log_prob(5, fixed);
      return mean(log_prob) + mean(square(points));
    };
    CHECK(without_gradient(parameters(flow), loss) == "");
    CHECK(wrong_gradient(parameters(flow), loss) == "");
  }
}

TEST_CASE("sampling records nothing, and scoring only what is asked for") {
  Flow flow = random_flow();
  const Weights weights(parameters(flow));
  Tape tape(weights);
  Rng rng(1);
  flow.sample(10, rng);
  CHECK(tape.size() == 0);
  CHECK(flow.log_prob(ones({2, 2})).tracked());
}

// The identity, which remembers whether log_det was asked for.
class Watched final : public Bijection {
 public:
  explicit Watched(bool& flag) : asked_(&flag) {}
  const char* name() const override { return "Watched"; }
  Index dim() const override { return 2; }

 private:
  Mapped map_to_latent(const Var& x, const Var&, LogDet log_det) const override {
    *asked_ = log_det == LogDet::yes;
    return {x};
  }
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override {
    return map_to_latent(z, context, log_det);
  }
  bool* asked_;
};

TEST_CASE("samples do not pay for a log_det, densities ask for it") {
  bool asked = true;
  const Flow flow(Chain{Watched(asked), Inverse(Watched(asked))});
  Rng rng(1);
  flow.sample(3, rng);
  CHECK(!asked);
  flow.sample_with_log_prob(3, rng);
  CHECK(asked);
  flow.bijection.as<Chain>()->states_to_data(ones({1, 2}));
  CHECK(!asked);
  flow.log_prob(ones({3, 2}));
  CHECK(asked);
  flow.bijection.as<Chain>()->states_to_latent(ones({1, 2}));
  CHECK(!asked);
}

TEST_CASE("the default flow has 15 couplings, 30 layers and 7230 parameters") {
  Rng rng(16);
  Flow flow = real_nvp(2, {}, rng);
  CHECK(flow.dim() == 2);
  CHECK(flow.bijection.as<Chain>()->size() == 30);
  CHECK(count(flow) == 7230);
  CHECK(parameters(flow).front().name == "0.scale.0.weight");
  CHECK(parameters(flow).back().name == "28.shift.4.bias");
  CHECK(fixed_tensors(flow).begin()->first == "1.order");
}

TEST_CASE("the report's flow draws its numbers in the order in which it always did") {
  // Networks one after another, the scale's before the shift's; then the order, if it is drawn.
  Rng rng(30), again(30);
  const Flow flow = real_nvp(2, {.layers = 2, .permuting = Permuting::random}, rng);
  const NamedTensors all = tensors(flow);
  for (const char* coupling : {"0", "2"}) {
    for (const char* network : {"scale", "shift"}) {
      Mlp expected({1, 8, 8, 8, 8, 1}, again);
      expected.zero_last_layer();
      for (const auto& [name, x] : tensors(expected))
        CHECK(difference(all.at(fmt::format("{}.{}.{}", coupling, network, name)), x) == "");
    }
    const auto order = again.permutation(2);
    const std::string after = std::string(coupling) == "0" ? "1.order" : "3.order";
    CHECK(all.at(after).at({0}) == real(order[0]));
  }
  CHECK(rng.position() == again.position());
}

TEST_CASE("the order of coordinates alternates, or is drawn and saved") {
  Rng rng(17);
  const auto orders = [&](Permuting permuting) {
    const Flow flow = real_nvp(2, {.permuting = permuting}, rng);
    std::vector<int> swapped;
    for (const auto& [name, order] : fixed_tensors(flow)) swapped.push_back(order.at({0}) == 1);
    return swapped;
  };
  CHECK(orders(Permuting::alternate) == std::vector<int>(15, 1));
  const std::vector<int> drawn = orders(Permuting::random);
  CHECK(drawn.size() == 15);
  const int swaps = std::accumulate(drawn.begin(), drawn.end(), 0);
  CHECK(swaps > 0);
  CHECK(swaps < 15);
}

TEST_CASE("sampling depends on the generator alone") {
  const Flow flow = random_flow();
  Rng first(19), same(19), other(20);
  const Tensor samples = flow.sample(50, first);
  CHECK(samples.shape() == Shape{50, 2});
  CHECK(all_finite(samples));
  CHECK(difference(flow.sample(50, same), samples) == "");
  CHECK(difference(flow.sample(50, other), samples) != "");
  CHECK(difference(flow.sample(50, first), samples) != "");  // it has moved on
}

TEST_CASE("a copy of a flow is a snapshot") {
  Flow flow = random_flow();
  Flow best = flow;
  const std::string before = bits(best);
  randomize(parameters(flow), 1, 21);
  CHECK(bits(best) == before);
  CHECK(bits(flow) != before);
  flow = best;
  CHECK(bits(flow) == before);
  randomize(parameters(flow), 1, 21);
  CHECK(bits(best) == before);
}

// A base with a parameter and a context, to see that both arrive.
class Shifted final : public Base {
 public:
  Index dim() const override { return 2; }
  Index context() const override { return 2; }
  Var log_prob(const Var& z, const Var& context) const override {
    return standard_normal_log_prob(z - context - mean_);
  }
  Var sample(Index n, Rng& rng, const Var& context) const override {
    return rng.normal({n, 2}) + context + mean_;
  }
  void visit(const Visitor& visitor) override { visitor("mean", mean_); }

 private:
  Parameter mean_{Tensor(Shape{2}, {1, -1})};
};

TEST_CASE("a flow begins at any base, which may be trained and know the context") {
  Rng rng(22);
  Flow flow(Permutation::reversal(2), Shifted());
  CHECK(flow.context() == 2);
  const Tensor x = rng.normal({6, 2}), context = rng.normal({6, 2});
  const Tensor swapped = kernel::gather(x, {1, 0}, 1);
  const Var expected = standard_normal_log_prob(swapped - Var(context) - Tensor(Shape{2}, {1, -1}));
  CHECK(difference(flow.log_prob(x, context), reference(expected.value()), 8, 1) == "");
  CHECK(parameters(flow).front().name == "base.mean");
  CHECK(without_gradient(parameters(flow), [&] { return sum(flow.log_prob(x, context)); }) == "");
  const auto loss = [&] {
    Rng fixed(1);
    return sum(flow.sample_with_log_prob(6, fixed, context).points);
  };
  CHECK(without_gradient(parameters(flow), loss) == "");
  const real before = flow.log_prob(x, context).value().at({0});
  Flow copy = flow;
  randomize(parameters(copy), 1, 3);
  CHECK(flow.log_prob(x, context).value().at({0}) == before);
}

TEST_CASE("recipes with a matrix between their layers have one after each permutation") {
  Rng rng(31);
  for (const auto& [name, make] : kRecipes) {
    CAPTURE(name);
    Flow flow = make(3, {.layers = 2, .permuting = Permuting::lu}, rng);
    Index matrices = 0;
    for (const auto& [tensor, value] : trained_tensors(flow))
      matrices += contains(tensor, "matrix");
    CHECK(matrices == 2);
  }
  // A spline's raw numbers come from one network for all of them.
  Flow flow = spline_coupling(2, {.layers = 1, .spline = {.bins = 4}}, rng);
  CHECK(parameters(flow).front().name == "0.network.0.weight");
}

TEST_CASE("a recipe is found by its name") {
  CHECK(std::size(kRecipes) == 6);
  for (const Recipe& known : kRecipes) CHECK(recipe(known.name).make == known.make);
  CHECK(recipe("spline_coupling").make == spline_coupling);
  CHECK(recipe("iaf").make == iaf);
  CHECK(message_of<ShapeError>([] { recipe("glow"); }) ==
        "recipe: \"glow\" given; one of real_nvp, nice, spline_coupling, spline_autoregressive, "
        "maf, iaf");
}

// Points of the usual size, on the edges of the box, on the knots that a new spline has, and far
// out.
Tensor hard_points(Index dim) {
  const SplineOptions spline{.bins = 4};  // knots at -3, -1.5, 0, 1.5 and 3
  std::vector<real> places{0,          1.5, -1.5, spline.box, -spline.box, real(0.7),
                           real(-2.9), 1e3, -1e3, 1e6,        -1e6};
  Tensor points({std::ssize(places), dim});
  for (Index i = 0; i < points.size(); ++i)
    points.mutable_data()[i] = places[std::size_t(i * 7 % std::ssize(places))];
  return points;
}

TEST_CASE(
    "in every recipe a point far out, on a knot or on an edge is finite, and so are gradients") {
  for (const Recipe& known : kRecipes)
    for (const Index dim : {2, 3})
      for (const real size : {real(0), real(0.2)})
        for (const bool all_outside : {false, true}) {
          CAPTURE(known.name, dim, size, all_outside);
          Rng rng(23);
          Flow flow = known.make(dim, {.layers = 3, .spline = {.bins = 4}}, rng);
          if (size > 0) randomize(parameters(flow), size, 24);
          Weights weights(parameters(flow));
          Tape tape(weights);
          const Tensor hard = hard_points(dim), far = (4 + abs(Var(hard))).value();
          const Var x = tape.variable(all_outside ? far : hard), log_p = flow.log_prob(x);
          CHECK(all_finite(log_p.value()));
          const Gradients gradients = tape.backward(mean(log_p));
          CHECK(all_finite(gradients[x].value()));
          CHECK(all_finite(gradients.flat()));
          const Mapped back = flow.bijection->to_data(x);
          CHECK(all_finite(back.points.value()));
          CHECK(all_finite(back.log_det.value()));
        }
}

TEST_CASE("flows that make no sense are refused, by the name of what was called") {
  Rng rng(22);
  CHECK(message_of<ShapeError>([&] { real_nvp(2, {.layers = 0}, rng); }) ==
        "real_nvp: 0 layers given; at least 1");
  CHECK(message_of<ShapeError>([&] { iaf(2, {.layers = -1}, rng); }) ==
        "iaf: -1 layers given; at least 1");
  for (const Index dim : {1, 0, -3}) {
    CAPTURE(dim);
    CHECK_THROWS_AS(real_nvp(dim, {}, rng), ShapeError);
    CHECK_THROWS_AS(nice(dim, {}, rng), ShapeError);
    CHECK_THROWS_AS(spline_coupling(dim, {}, rng), ShapeError);
    if (dim < 1) CHECK_THROWS_AS(maf(dim, {}, rng), ShapeError);
    if (dim < 1) CHECK_THROWS_AS(spline_autoregressive(dim, {}, rng), ShapeError);
  }
  CHECK(message_of<ShapeError>([&] { Flow(Permutation::reversal(3), StandardNormal(2)); }) ==
        "Flow: a bijection of 3 coordinates and a base of 2 given; the same of both");
  const Coupling layer(2, affine(), {.context = 3}, rng);
  CHECK(message_of<ShapeError>([&] { Flow(layer, Shifted()); }) ==
        "Flow: a bijection with a context of 3 numbers and a base with 2 given; the same of both");

  const Flow flow = real_nvp(2, {}, rng), conditional(layer);
  for (const Shape& shape : {Shape{}, Shape{2}, Shape{4, 3}, Shape{2, 4, 2}})
    CHECK(message_of<ShapeError>([&] { flow.log_prob(ones(shape)); }) ==
          fmt::format("Flow::log_prob: points {} given; (B, 2) are required", shape));
  CHECK(message_of<ShapeError>([&] {
          flow.log_prob(ones({4, 2}), ones({4, 1}));
        }) == "Flow::log_prob: context (4, 1) given; none is taken");
  CHECK(message_of<ShapeError>([&] {
          conditional.log_prob(ones({4, 2}));
        }) == "Flow::log_prob: context (0) given; (4, 3) is required");
  CHECK(message_of<ShapeError>([&] {
          conditional.sample(4, rng, ones({5, 3}));
        }) == "Flow::sample: context (5, 3) given; (4, 3) is required");
  CHECK(message_of<ShapeError>([&] { conditional.sample_with_log_prob(4, rng); }) ==
        "Flow::sample_with_log_prob: context (0) given; (4, 3) is required");
  for (const Flow* of : {&flow, &conditional}) {
    CHECK(message_of<ShapeError>([&] { of->sample(-1, rng); }) ==
          "Flow::sample: -1 samples given; 0 or more");
    CHECK(message_of<ShapeError>([&] { of->sample_with_log_prob(-1, rng); }) ==
          "Flow::sample_with_log_prob: -1 samples given; 0 or more");
  }
}

}  // namespace
}  // namespace gradflow
