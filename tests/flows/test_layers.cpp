// What is said of single layers that have no networks: matrices, mirrors and rotations, layers that
// begin with the data's moments, centres; and of the bases that flows begin at. What bijections
// have in common is in tests/tables/test_flows.cpp.

#include <cmath>
#include <numbers>

#include "flows/base/class_conditional.h"
#include "flows/base/mixture.h"
#include "flows/base/uniform.h"
#include "flows/chain.h"
#include "flows/coupling.h"
#include "flows/flow.h"
#include "flows/linear/actnorm.h"
#include "flows/linear/householder.h"
#include "flows/linear/lu.h"
#include "flows/linear/rotation.h"
#include "flows/recipes.h"
#include "flows/residual/planar.h"
#include "flows/residual/radial.h"
#include "flows/univariate/affine.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/flows/reckoned.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// --- linear maps ---

TEST_CASE("layers without networks begin as the identity") {
  Rng rng(1);
  for (const Index dim : {2, 3, 8}) {
    const Tensor x = rng.normal({20, dim});
    for (const AnyBijection& layer :
         std::vector<AnyBijection>{Lu(dim), ActNorm(dim), Rotation(dim), Householder(dim, 4, rng),
                                   Radial(dim, rng), Planar(dim, rng)}) {
      CAPTURE(layer->name(), dim);
      for (const Mapped& y : {layer->to_latent(x), layer->to_data(x)}) {
        CHECK(difference(y.points, reference(x), 40, 3) == "");
        CHECK(difference(y.log_det, reference(zeros({20})), 8 * double(dim), 1) == "");
      }
    }
  }
}

TEST_CASE("Lu is the product of a lower and an upper matrix, and a shift") {
  for (const Index D : {1, 2, 3, 7}) {
    CAPTURE(D);
    Lu layer(D);
    randomize(parameters(layer), real(0.5), 3);
    const Tensor m = tensors(layer).at("matrix"), c = tensors(layer).at("shift");
    CHECK(count(layer) == D * D + D);
    Rng rng(4);
    const Tensor x = rng.normal({5, D});
    const Mapped z = layer.to_latent(x);
    const auto u = [&](Index i) {
      return plain_softplus(double{m.at({i, i})} + std::log(std::expm1(1 - 1e-3))) + 1e-3;
    };
    double log_det = 0;
    for (Index i = 0; i < D; ++i) log_det += std::log(u(i));
    for (Index b = 0; b < 5; ++b) {
      std::vector<double> y(std::size_t(D), 0);  // U x
      for (Index i = 0; i < D; ++i)
        for (Index j = i; j < D; ++j)
          y[std::size_t(i)] += (i == j ? u(i) : double{m.at({i, j})}) * x.at({b, j});
      for (Index i = 0; i < D; ++i) {
        double expected = y[std::size_t(i)] + c.at({i});
        for (Index j = 0; j < i; ++j) expected += m.at({i, j}) * y[std::size_t(j)];
        CHECK(close(z.points.value().at({b, i}), expected, 100, 4));
      }
      CHECK(close(z.log_det.value().at({b}), log_det, 20, double(D)));
    }
  }
  CHECK(message_of<ShapeError>([] { Lu(0); }) == "Lu: 0 coordinates given; at least 1");
}

TEST_CASE("a rotation by one angle is the one of schools, and by many keeps lengths") {
  for (const real angle : {real(0.3), real(-2), real(40)}) {
    Rotation turn(2);
    load(turn, {{"angles", Tensor(Shape{1}, {angle})}});
    const Tensor z = turn.to_latent(Tensor({{1, 0}, {0, 2}})).points.value();
    const double c = std::cos(double{angle}), s = std::sin(double{angle});
    const double roundings = 40 * (1 + std::abs(double{angle}));
    CHECK(close(z.at({0, 0}), c, roundings, 1));
    CHECK(close(z.at({0, 1}), -s, roundings, 1));
    CHECK(close(z.at({1, 0}), 2 * s, roundings, 2));
    CHECK(close(z.at({1, 1}), 2 * c, roundings, 2));
  }
  Rng rng(5);
  for (const Index D : {3, 6}) {
    Rotation turn(D);
    CHECK(count(turn) == D * (D - 1) / 2);
    randomize(parameters(turn), 2, 5);
    const Tensor x = rng.normal({30, D}), z = turn.to_latent(x).points.value();
    const Tensor length = norm(x, 1).value();
    CHECK(difference(norm(z, 1), reference(length), 200, 4) == "");
    CHECK(max(abs(Var(z) - x)).item() > 1);
  }
  CHECK_THROWS_AS(Rotation(1), ShapeError);
}

TEST_CASE("mirrors keep lengths, and one without a normal does nothing") {
  Rng rng(6);
  Householder mirrors(3, 2, rng);
  load(mirrors, {{"normals", Tensor({{2, 0, 0}, {0, 0, 0}})}});
  const Tensor x({{1, 2, 3}});
  CHECK(difference(mirrors.to_latent(x).points, Tensor({{-1, 2, 3}})) == "");
  load(mirrors, {{"normals", Tensor({{1, 0, 0}, {1, 1, 0}})}});  // both: a quarter turn
  CHECK(difference(mirrors.to_latent(x).points, reference(Tensor({{-2, 1, 3}})), 8) == "");
  CHECK(difference(mirrors.to_data(x).points, reference(Tensor({{2, -1, 3}})), 8) == "");
  CHECK(message_of<ShapeError>([&] { Householder(3, 3, rng); }) ==
        "Householder: 3 mirrors given; an even number, at least 2");
  CHECK_THROWS_AS(Householder(3, 0, rng), ShapeError);
  CHECK_THROWS_AS(Householder(1, 2, rng), ShapeError);
}

// --- layers that begin with the data's moments ---

double mean_of(const Tensor& x, Index column) {
  return mean(slice(x, 1, column, column + 1)).item();
}
double deviation_of(const Tensor& x, Index column) {
  return std::sqrt(double{variance(slice(x, 1, column, column + 1)).item()});
}

TEST_CASE("ActNorm begins by standardising what reaches it, wherever it is in a flow") {
  Rng rng(7);
  const Tensor data = (3 + 2 * rng.normal({500, 3})).value();
  Chain chain{ActNorm(3), Coupling(3, affine(), {.start_as_identity = false}, rng), ActNorm(3)};
  AnyBijection all = Inverse(chain);  // an inverse has no data side of its own: it does nothing
  all->initialise(data);
  CHECK(all.as<Inverse>()->of().as<Chain>()->operator[](0).as<ActNorm>()->initialised() == false);

  chain.initialise(data);
  const std::vector<Tensor> states = chain.states_to_latent(data);
  for (const Index after : {1, 3})
    for (Index i = 0; i < 3; ++i) {
      CHECK(std::abs(mean_of(states[std::size_t(after)], i)) < 100 * kEps);
      CHECK(std::abs(deviation_of(states[std::size_t(after)], i) - 1) < 100 * kEps);
    }
}

TEST_CASE("ActNorm begins once, and one that was loaded never again") {
  Rng rng(8);
  const Tensor first = (5 + rng.normal({100, 2})).value(), second = rng.normal({100, 2});
  ActNorm layer(2), loaded(2), fresh(2);
  layer.initialise(first);
  const std::string before = bits(layer);
  layer.initialise(second);
  CHECK(bits(layer) == before);
  load(loaded, tensors(layer));
  CHECK(loaded.initialised());
  loaded.initialise(second);
  CHECK(bits(loaded) == before);
  load(loaded, tensors(fresh));
  CHECK(!loaded.initialised());
}

TEST_CASE("ActNorm refuses what has no moments") {
  ActNorm layer(2);
  CHECK(contains(message_of<ShapeError>([&] {
                   layer.initialise(Tensor({{1, 2}, {3, 2}}));
                 }),
                 "column 1 given; it is constant, 2"));
  CHECK(contains(message_of<ShapeError>([&] {
                   layer.initialise(Tensor({{1, 2}, {3, kNan}}));
                 }),
                 "column 1 given; it has a number that is not finite"));
  CHECK(message_of<ShapeError>([&] {
          layer.initialise(ones({4, 3}));
        }) == "ActNorm::initialise: points (4, 3) given; (B, 2) are required");
  CHECK(!layer.initialised());
  CHECK_THROWS_AS(ActNorm(0), ShapeError);
}

// --- radial ---

TEST_CASE("a radial map by numbers that were computed elsewhere") {
  Rng rng(9);
  Radial layer(2, rng);
  const double one = std::log(std::expm1(1.0));
  const auto raw = [&](double softplus_of) {
    return Tensor(Shape{1}, real(std::log(std::expm1(softplus_of)) - one));
  };
  load(layer, {{"centre", Tensor({{real(0.3), real(-0.2)}})},
               {"alpha", raw(0.7)},
               {"beta", raw(0.7 - 0.4)}});
  const Mapped z = layer.to_latent(Tensor({{real(1.1), real(0.5)}}));
  const double margin = sizeof(real) == 8 ? 2e-10 : 2e-6;
  CHECK(std::abs(z.points.value().at({0, 0}) - 0.9184927094) < margin);
  CHECK(std::abs(z.points.value().at({0, 1}) - 0.3411811207) < margin);
  CHECK(std::abs(z.log_det.item() + 0.3517289869) < margin);
}

TEST_CASE("a radial map leads back from far away, from its centre, and with extreme raw numbers") {
  Rng rng(10);
  for (const real alpha : {real(-8), real(0), real(8)})
    for (const real beta : {real(-8), real(0), real(8), real(50)}) {
      CAPTURE(alpha, beta);
      Radial layer(2, rng);
      load(layer, {{"centre", Tensor({{1, -1}})},
                   {"alpha", Tensor(Shape{1}, alpha)},
                   {"beta", Tensor(Shape{1}, beta)}});
      const Tensor x({{1, -1}, {1, real(-0.999)}, {2, 3}, {1e6, -1e6}});
      const Mapped z = layer.to_latent(x);
      const Tensor back = layer.to_data(z.points).points.value();
      CHECK(all_finite(z.log_det.value()));
      for (Index i = 0; i < 4; ++i)
        for (Index k = 0; k < 2; ++k) {
          // Near the centre the slope may be as small as (a + b) / a.
          const double flattest =
              std::max(1.0, plain_softplus(alpha + 0.5413) / plain_softplus(beta + 0.5413));
          CHECK(close(back.at({i, k}), x.at({i, k}), 100 * flattest,
                      1 + plain_softplus(double{beta})));
        }
    }
}

// --- planar ---

Planar planar(const Tensor& u, const Tensor& w, real b) {
  Rng rng(11);
  Planar layer(w.rows(), rng);
  load(layer, {{"u", u}, {"w", w}, {"b", Tensor(Shape{1}, b)}});
  return layer;
}

TEST_CASE("a planar map by its formula, with u moved along w where it would fold space") {
  for (const double along : {1.5, -0.5, -4.0}) {  // u = along w / |w|^2 + something across
    CAPTURE(along);
    const double w[] = {0.6, -0.8}, u[] = {along * w[0] + 0.4, along * w[1] + 0.3}, b = 0.25;
    const Planar layer =
        planar(Tensor({{real(u[0]), real(u[1])}}), Tensor({{real(w[0])}, {real(w[1])}}), real(b));
    const double k = plain_softplus(along) - 1, moved = k - along;  // |w| = 1, and w across it is 0
    for (const auto& [x, y] : {std::pair(0.0, 0.0), {1.5, -0.5}, {-2.0, 1.0}}) {
      const double tanh_a = std::tanh(w[0] * x + w[1] * y + b);
      const Mapped z = layer.to_latent(Tensor({{real(x), real(y)}}));
      CHECK(close(z.points.value().at({0, 0}), x + (u[0] + moved * w[0]) * tanh_a, 50, 4));
      CHECK(close(z.points.value().at({0, 1}), y + (u[1] + moved * w[1]) * tanh_a, 50, 4));
      const double slope = 1 + k * (1 - tanh_a * tanh_a);
      CHECK(close(z.log_det.value().at({0}), std::log(slope), 50 / slope, 1));
    }
  }
}

TEST_CASE("a planar map leads back from far away, when it nearly folds, and without a normal") {
  const Tensor x({{0, 0}, {1, real(-0.5)}, {-3, 2}, {1e6, -1e6}});
  for (const real size : {real(0), real(0.5), real(3)})
    for (const real along : {real(-3), real(0), real(4)}) {
      CAPTURE(size, along);
      const Tensor w({{size}, {-size}}), u({{along + real(0.1), -along}});
      Planar layer = planar(u, w, real(0.3));
      const Mapped z = layer.to_latent(x), back = layer.to_data(z.points.value());
      CHECK(all_finite(z.log_det.value()));
      // Where it is steepest the way back magnifies roundings: by exp(-log_det).
      for (Index i = 0; i < 4; ++i)
        for (Index k = 0; k < 2; ++k)
          CHECK(close(back.points.value().at({i, k}), x.at({i, k}),
                      100 * std::exp(std::max(0.0, -double{z.log_det.value().at({i})})), 8));
      Weights weights(parameters(layer));
      Tape tape(weights);
      const Mapped again = layer.to_latent(x);
      const Gradients gradients = tape.backward(sum(again.points) + sum(again.log_det));
      for (const auto& [name, parameter] : parameters(layer))
        CHECK(all_finite(gradients[*parameter].value()));
    }
}

// --- bases ---

// The mean of exp(log p) over a grid of a square from -8 to 8, times its area.
double mass_in_the_plane(const std::function<Var(const Var&)>& log_prob) {
  constexpr Index kCells = 320;
  const double cell = 16 / double(kCells);
  double total = 0;
  for (Index i = 0; i < kCells; ++i) {
    Tensor row({kCells, 2});
    for (Index k = 0; k < kCells; ++k) {
      row.mutable_data()[2 * k] = real((double(k) + 0.5) * cell - 8);
      row.mutable_data()[2 * k + 1] = real((double(i) + 0.5) * cell - 8);
    }
    total += sum(exp(log_prob(row))).item();
  }
  return total * cell * cell;
}

TEST_CASE("a uniform base has one density inside and none outside") {
  const Uniform base(2, -1, 3);
  const Tensor z({{0, 0}, {-1, 3}, {real(3.01), 0}, {0, real(-1.01)}, {kNan, 0}, {kInfinity, 0}});
  const Tensor p = base.log_prob(z).value();
  for (const Index inside : {0, 1}) CHECK(close(p.at({inside}), -2 * std::log(4.0), 4));
  for (const Index outside : {2, 3, 5}) CHECK(p.at({outside}) == -kInfinity);
  CHECK(std::isnan(p.at({4})));
  CHECK(mass_in_the_plane([&](const Var& x) { return base.log_prob(x); }) ==
        Approx(1).margin(1e-6));
  Rng rng(11);
  const Tensor samples = base.sample(4000, rng).value();
  CHECK(max(samples).item() < 3);
  CHECK(max(-Var(samples)).item() <= 1);
  CHECK(mean_of(samples, 0) == Approx(1).margin(0.08));  // four standard errors
  CHECK(deviation_of(samples, 1) == Approx(4 / std::sqrt(12.0)).margin(0.05));
  CHECK(message_of<ShapeError>([] { Uniform(2, 1, 1); }) ==
        "Uniform: from 1 to 1 given; the first below the second, both finite");
  CHECK_THROWS_AS(Uniform(2, 0, kInfinity), ShapeError);
  CHECK_THROWS_AS(Uniform(2, 0, kNan), ShapeError);
  CHECK_THROWS_AS(Uniform(0, 0, 1), ShapeError);
  CHECK(message_of<ShapeError>([&] { base.sample(-1, rng); }) ==
        "Uniform::sample: -1 samples given; 0 or more");
  CHECK_THROWS_AS(base.log_prob(ones({3, 3})), ShapeError);
}

TEST_CASE("a mixture is the weighted sum of its bells") {
  Rng rng(12);
  GaussianMixture base(2, 3, rng);
  CHECK(base.components() == 3);
  randomize(parameters(base), real(0.7), 12);
  const NamedTensors all = tensors(base);
  const Tensor z = rng.normal({10, 2}), p = base.log_prob(z).value();
  for (Index b = 0; b < 10; ++b) {
    double total = 0, weights = 0;
    for (Index k = 0; k < 3; ++k) {
      double bell = std::exp(double{all.at("logits").at({k})});
      weights += bell;
      for (Index i = 0; i < 2; ++i) {
        const double s = 0.05 + 0.95 * std::exp(3 * std::tanh(all.at("scales").at({k, i}) / 3.0));
        const double away = (z.at({b, i}) - double{all.at("means").at({k, i})}) / s;
        bell *= std::exp(-away * away / 2) / s / std::sqrt(2 * std::numbers::pi);
      }
      total += bell;
    }
    CHECK(close(p.at({b}), std::log(total / weights), 60, 4));
  }
  CHECK(mass_in_the_plane([&](const Var& x) { return base.log_prob(x); }) ==
        Approx(1).margin(1e-3));
  CHECK(wrong_gradient(parameters(base), [&] { return mean(base.log_prob(z)); }) == "");
  CHECK(without_gradient(parameters(base), [&] { return mean(base.log_prob(z)); }) == "");
}

TEST_CASE("samples of a mixture come from its bells, by their weights") {
  Rng rng(13);
  GaussianMixture base(1, 2, rng);
  load(base, {{"logits", Tensor(Shape{2}, {0, real(std::log(3.0))})},
              {"means", Tensor({{-100}, {100}})},
              {"scales", zeros({2, 1})}});
  const Tensor samples = base.sample(4000, rng).value();
  double right = 0;
  for (const real v : samples.values()) {
    right += v > 0;
    CHECK(std::abs(std::abs(v) - 100) < 6);
  }
  CHECK(right / 4000 == Approx(0.75).margin(4 * std::sqrt(0.75 * 0.25 / 4000)));
}

TEST_CASE("a mixture cannot collapse, whatever its raw numbers, and may begin at data") {
  Rng rng(14);
  GaussianMixture base(1, 1, rng);
  load(base, {{"logits", zeros({1})}, {"means", zeros({1, 1})}, {"scales", Tensor({1, 1}, -1e4)}});
  const double most =
      -std::log(0.05 + 0.95 * std::exp(-3.0)) - 0.5 * std::log(2 * std::numbers::pi);
  CHECK(close(base.log_prob(zeros({1, 1})).item(), most, 8, 3));

  GaussianMixture two(2, 2, rng);
  const Tensor data({{1, 2}, {3, 4}, {5, 6}});
  two.begin_at(data, rng);
  for (Index k = 0; k < 2; ++k) {
    const Tensor mean = tensors(two).at("means").rows(k, k + 1);
    bool found = false;
    for (Index b = 0; b < 3; ++b) found |= difference(mean, data.rows(b, b + 1)) == "";
    CHECK(found);
  }
  CHECK(message_of<ShapeError>([&] { two.begin_at(data.rows(0, 1), rng); }) ==
        "GaussianMixture::begin_at: 1 points for 2 components given; as many at least");
  CHECK_THROWS_AS(GaussianMixture(2, 0, rng), ShapeError);
  CHECK(message_of<ShapeError>([&] { two.sample(-1, rng); }) ==
        "GaussianMixture::sample: -1 samples given; 0 or more");
  CHECK_THROWS_AS(two.log_prob(ones({2, 3})), ShapeError);
}

TEST_CASE("a class-conditional base has a bell for each class") {
  Rng rng(15);
  ClassConditional base(2, 3, rng);
  const Tensor means = tensors(base).at("means"), z = rng.normal({3, 2});
  const Tensor classes = one_hot({2, 0, 1}, 3);
  CHECK(difference(classes, Tensor({{0, 0, 1}, {1, 0, 0}, {0, 1, 0}})) == "");
  const Tensor own = kernel::gather(means, {2, 0, 1});
  CHECK(difference(base.log_prob(z, classes),
                   reference(standard_normal_log_prob(Var(z) - own).value()), 8, 4) == "");
  Flow flow(Lu(2), base);
  CHECK(flow.context() == 3);
  const auto loss = [&] { return mean(flow.log_prob(z, classes)); };
  CHECK(without_gradient(parameters(flow), loss) == "");
  CHECK(wrong_gradient(parameters(flow), loss) == "");
  Rng first(1), same(1);
  CHECK(difference(base.sample(3, first, classes),
                   reference((same.normal({3, 2}) + Var(own)).value()), 4, 4) == "");
  CHECK(message_of<ShapeError>([] {
          one_hot({0, 3}, 3);
        }) == "one_hot: label 3 given; labels are 0 to 2");
  CHECK_THROWS_AS(base.log_prob(z, no_context), ShapeError);
  CHECK_THROWS_AS(ClassConditional(2, 0, rng), ShapeError);
  CHECK(message_of<ShapeError>([&] { base.sample(-1, rng, no_context); }) ==
        "ClassConditional::sample: -1 samples given; 0 or more");
}

TEST_CASE("any base can stand at the beginning of any flow, and is saved with it") {
  for (const auto& [name, make] : kRecipes) {
    CAPTURE(name);
    Rng rng(16);
    const FlowOptions options{.layers = 2, .spline = {.bins = 4}};
    Flow flow(make(2, options, rng).bijection, GaussianMixture(2, 4, rng));
    Flow other(make(2, options, rng).bijection, GaussianMixture(2, 4, rng));
    randomize(parameters(flow), real(0.3), 16);
    load(other, tensors(flow));
    const Tensor x = rng.normal({10, 2});
    CHECK(difference(other.log_prob(x), flow.log_prob(x).value()) == "");
    Rng draw(17);
    const auto [points, log_prob] = flow.sample_with_log_prob(50, draw);
    CHECK(difference(log_prob, reference(flow.log_prob(points).value()), 4000, 4) == "");
  }
}

}  // namespace
}  // namespace gradflow
