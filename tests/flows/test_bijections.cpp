// What is said of single bijections: couplings by their formula, who sees whom, orders,
// standardised data, chains and the values that hold them. What all have in common is in
// tests/tables/test_flows.cpp.

#include <cmath>
#include <set>

#include "autograd/watch.h"
#include "flows/autoregressive.h"
#include "flows/chain.h"
#include "flows/continuous.h"
#include "flows/coupling.h"
#include "flows/elementwise.h"
#include "flows/linear/permutation.h"
#include "flows/linear/standardize.h"
#include "flows/recipes.h"
#include "flows/univariate/additive.h"
#include "flows/univariate/affine.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/flows/reckoned.h"
#include "tests/model.h"

namespace gradflow {
namespace {

const ConditionerOptions kFree{.start_as_identity = false};  // not the identity

// --- univariate maps ---

TEST_CASE("raw number r of coordinate i is at column i R + r") {
  const Tensor raw({{0, 1, 2, 10, 11, 12}, {20, 21, 22, 30, 31, 32}});
  CHECK(difference(raw_number(raw, 0, 3), Tensor({{0, 10}, {20, 30}})) == "");
  CHECK(difference(raw_number(raw, 2, 3), Tensor({{2, 12}, {22, 32}})) == "");
  CHECK(difference(raw_number(raw, 0, 1), raw) == "");
}

TEST_CASE("the affine map by its formula: (x - t) e^-s, and back") {
  for (const real bound : {real(2), real(0.5), kInfinity})
    for (const Index M : {1, 2, 5}) {
      CAPTURE(bound, M);
      Rng rng(1);
      const Tensor x = rng.normal({7, M}), raw = (3 * rng.normal({7, 2 * M})).value();
      const Univariate map = affine(bound);
      const Mapped z = map.to_latent(x, raw, LogDet::yes), y = map.to_data(x, raw, LogDet::yes);
      for (Index b = 0; b < 7; ++b) {
        double total = 0;
        for (Index i = 0; i < M; ++i) {
          const double r = raw.at({b, 2 * i}), t = raw.at({b, 2 * i + 1}), v = x.at({b, i});
          const double s = std::isinf(bound) ? r : bound * std::tanh(r / bound);
          const double size = (std::abs(v) + std::abs(t)) * std::exp(std::abs(s));
          CHECK(close(z.points.value().at({b, i}), (v - t) * std::exp(-s), 20, size));
          CHECK(close(y.points.value().at({b, i}), v * std::exp(s) + t, 20, size));
          total += s;
        }
        CHECK(close(z.log_det.value().at({b}), -total, 20, 10));
        CHECK(close(y.log_det.value().at({b}), total, 20, 10));
      }
    }
  CHECK(message_of<ShapeError>([] { affine(0); }) == "affine: bound 0 given; more than 0");
  CHECK_THROWS_AS(affine(-2), ShapeError);
  CHECK_THROWS_AS(affine(kNan), ShapeError);
}

TEST_CASE("the fused affine map is the one composed of operations, and so are its gradients") {
  using Pair = std::pair<Index, Index>;
  for (const auto& [D, M] : {Pair{1, 1}, {2, 1}, {3, 1}, {3, 3}, {9, 5}})  // the last M of D move
    for (const real bound : {real(2), real(0.5), kInfinity})
      for (const LogDet log_det : {LogDet::yes, LogDet::no})
        for (const bool down : {true, false}) {
          CAPTURE(D, M, bound, log_det == LogDet::yes, down);
          Rng rng(10);
          const Tensor points = rng.normal({9, D}), raw = rng.normal({9, 2 * M});
          const auto first_and_second = [&](const Univariate& map) {
            Tape tape;
            const Var x = tape.variable(points), r = tape.variable(raw);
            const Mapped y = down ? map.to_latent(x, r, log_det) : map.to_data(x, r, log_det);
            const Gradients first = tape.backward(contracted(y));
            const Gradients recorded =
                tape.backward(contracted({square(y.points), square(y.log_det)}), Record::yes);
            const Gradients second =
                tape.backward(sum(square(recorded[x]) + 1) + sum(square(recorded[r])));
            return std::vector{y.points.value(), y.log_det.value(), first[x].value(),
                               first[r].value(), second[x].value(), second[r].value()};
          };
          const auto fused = first_and_second(affine(bound));
          const auto composed = first_and_second(composed_affine(bound));
          for (std::size_t k = 0; k < fused.size(); ++k) {
            CAPTURE(k);
            CHECK(difference(fused[k], reference(composed[k]), 200,
                             std::max(1.0, largest(composed[k]))) == "");
          }
        }
}

TEST_CASE("the affine map is one operation on the tape, and looks at its numbers if asked to") {
  Tape tape;
  const Var x = tape.variable(ones({3, 2})), raw = tape.variable(zeros({3, 4}));
  const std::size_t before = tape.size();
  affine().to_latent(x, raw, LogDet::no);
  CHECK(tape.size() == before + 1);
  affine().to_latent(x, raw, LogDet::yes);
  CHECK(tape.size() == before + 3);  // two results
}

// --- couplings ---

// What a map makes of points, and all gradients of a number made of it, as far as they are
// recorded: first ones, or second ones.
std::vector<Tensor> results(Bijection& map, bool to_data, const Tensor& points,
                            const Tensor& context, LogDet log_det, Record record) {
  const auto run = [&](const Var& x, const Var& c) {
    return to_data ? map.to_data(x, c, log_det) : map.to_latent(x, c, log_det);
  };
  Weights weights(parameters(map));
  Tape tape(weights);
  const Var x = tape.variable(points), c = map.context() ? tape.variable(context) : no_context;
  const Mapped y = run(x, c);
  Gradients all = tape.backward(contracted({square(y.points), square(y.log_det)}), record);
  if (record == Record::yes) {
    Var sums = sum(square(all[x]));
    for (std::size_t k = 0; k < weights.places().size(); ++k)
      sums = sums + sum(square(all.of_place(k)));
    all = tape.backward(sums);
  }
  std::vector<Tensor> list{y.points.value(), y.log_det.value(), all[x].value(), all.flat()};
  if (map.context()) list.push_back(all[c].value());
  return list;
}

// Couplings with orders between them, and at both ends.
Chain couplings_in_orders(Index dim, const Univariate& map, const ConditionerOptions& options,
                          const CouplingOptions& more, Rng& rng) {
  Chain chain{Permutation::random(dim, rng),      Coupling(dim, map, options, rng, more),
              Permutation::rotation(dim, 1),      Permutation::random(dim, rng),
              Coupling(dim, map, kFree, rng),     Coupling(dim, map, options, rng, more),
              Permutation::rotation(dim, dim - 1)};
  randomize(parameters(chain), real(0.5), 3);
  return chain;
}

void check_fused(Bijection& map, Index points) {
  Rng rng(5);
  const Tensor x = rng.normal({points, map.dim()}), c = rng.normal({points, map.context()});
  for (const bool to_data : {true, false})
    for (const LogDet log_det : {LogDet::yes, LogDet::no})
      for (const Record record : {Record::no, Record::yes}) {
        CAPTURE(points, to_data, log_det == LogDet::yes, record == Record::yes);
        const auto fused = results(map, to_data, x, c, log_det, record);
        const WatchNumbers watch;  // makes operations give way to what they are composed of
        const auto composed = results(map, to_data, x, c, log_det, record);
        REQUIRE(fused.size() == composed.size());
        for (std::size_t k = 0; k < fused.size(); ++k) {
          CAPTURE(k);
          CHECK(difference(fused[k], reference(composed[k]), 2000,
                           std::max(1.0, largest(composed[k]))) == "");
        }
        const Mapped alone = to_data
                                 ? map.to_data(x, map.context() ? Var(c) : no_context, log_det)
                                 : map.to_latent(x, map.context() ? Var(c) : no_context, log_det);
        CHECK(difference(alone.points.value(), reference(fused[0]), 20, largest(fused[0])) == "");
        CHECK(difference(alone.log_det.value(), reference(fused[1]), 20,
                         std::max(1.0, largest(fused[1]))) == "");
      }
}

TEST_CASE("fused couplings are what they are composed of, and so are their gradients") {
  Rng rng(6);
  for (const Index dim : {2, 3, 6})
    for (const Univariate& map : {affine(), affine(kInfinity), additive()})
      for (const Index context : {0, 2})
        for (const bool one_network : {false, true}) {
          CAPTURE(dim, map.name, context, one_network);
          const ConditionerOptions options{
              .hidden = {8, 5}, .start_as_identity = false, .context = context};
          const CouplingOptions more{.kept = dim - 1, .one_network = one_network};
          Chain chain = couplings_in_orders(dim, map, options, more, rng);
          check_fused(chain, 9);
          check_fused(*chain[1], 1);
        }
  Chain wide = couplings_in_orders(6, affine(), {.hidden = {32, 32}, .context = 2}, {}, rng);
  check_fused(wide, 64);
  check_fused(wide, 300);  // more than are taken together where nothing is recorded
}

TEST_CASE("couplings one after another are one operation on the tape, however many") {
  Rng rng(8);
  Flow flow = real_nvp(2, {.layers = 3}, rng);
  Weights weights(parameters(flow));
  Tape tape(weights);
  flow.bijection->to_latent(rng.normal({4, 2}));
  CHECK(tape.size() == 3);  // their parameters, and two results
}

TEST_CASE("a tape may differentiate with respect to some of the couplings") {
  Rng rng(9);
  Chain chain = couplings_in_orders(2, affine(), kFree, {}, rng);
  const Tensor x = rng.normal({5, 2});
  for (const Index trained : {1, 4}) {
    Weights all(parameters(chain)), some(parameters(*chain[trained]));
    const auto gradient = [&](const Weights& weights) {
      Tape tape(weights);
      return tape.backward(contracted(chain.to_latent(x)));
    };
    const Gradients whole = gradient(all), part = gradient(some);
    for (const auto& [name, parameter] : parameters(*chain[trained])) {
      CAPTURE(trained, name);
      CHECK(difference(part[*parameter].value(), reference(whole[*parameter].value()), 200, 10) ==
            "");
    }
  }
}

TEST_CASE("a chain that was changed after it was recorded keeps its gradient") {
  Rng rng(10);
  Chain chain = couplings_in_orders(2, affine(), kFree, {}, rng);
  const Tensor x = rng.normal({5, 2});
  Weights weights(parameters(chain));
  const auto gradient = [&](bool change) {
    Tape tape(weights);
    const Var y = contracted(chain.to_latent(x));
    if (change) {
      Rng other(11);
      for (const auto& [name, parameter] : parameters(chain))
        *parameter = other.normal(parameter->shape());
    }
    return tape.backward(y).flat();
  };
  const Tensor before = gradient(false);
  CHECK(difference(gradient(true), before) == "");
}

// What a thread remembers of a run of couplings must not outlive any change of them: after each,
// the fused form is compared with the composed one again.
TEST_CASE("couplings that were changed between two uses are used as they are now") {
  Rng rng(12);
  Chain chain = couplings_in_orders(3, affine(), kFree, {}, rng);
  const auto networks = [&](Index k) { return dynamic_cast<Coupling&>(*chain[k]).networks(); };
  const Tensor x = rng.normal({5, 3});
  Weights weights(parameters(chain));  // once: making Weights is a change, too
  // One of them alone, between whose uses nothing else is remembered.
  const std::string use = GENERATE("to latent", "to data", "gradient");
  CAPTURE(use);
  const auto used = [&]() -> Tensor {
    if (use == "to latent") return chain.to_latent(x).points.value();
    if (use == "to data") return chain.to_data(x).points.value();
    Tape tape(weights);
    return tape.backward(contracted(chain.to_latent(x))).flat();
  };
  const auto check = [&] {
    const Tensor fused = used();
    const WatchNumbers watch;
    const Tensor composed = used();
    CHECK(difference(fused, reference(composed), 2000, std::max(1.0, largest(composed))) == "");
  };
  check();
  SECTION("other numbers in another place") {
    for (const auto& [name, parameter] : parameters(chain))
      *parameter = rng.normal(parameter->shape());
    check();
  }
  SECTION("another activation") {
    networks(1)[0].activation = activations::tanh;
    check();
  }
  SECTION("layers taken away") {
    auto& layers = networks(4)[1].layers;
    layers.erase(layers.begin() + 1);
    REQUIRE(layers[0].W.shape()[0] == layers[1].W.shape()[1]);
    check();
  }
  SECTION("the last layer taken away, and no parameter moved") {
    const ConditionerOptions options{.hidden = {4, 2}, .start_as_identity = false};
    dynamic_cast<Coupling&>(*chain[4]) = Coupling(3, affine(), options, rng);
    check();
    networks(4)[0].layers.pop_back();
    check();
  }
  SECTION("networks that changed places, and no parameter moved") {
    std::swap(networks(1)[0].layers, networks(4)[0].layers);
    check();
  }
  SECTION("layers that changed places") {
    auto& layers = networks(1)[0].layers;
    std::swap(layers[1], layers[2]);
    check();
  }
  SECTION("a parameter moved into another") {
    Linear& layer = networks(1)[0].layers[1];
    Parameter W(rng.normal(layer.W.shape()));
    check();
    layer.W = std::move(W);
    check();
  }
  SECTION("a layer that was taken out for a while") {
    Linear& layer = networks(1)[0].layers[1];
    Linear taken = std::move(layer);
    CHECK_THROWS_AS(used(), GraphError);
    layer = std::move(taken);
    check();
  }
  SECTION("another coupling in the place of one") {
    dynamic_cast<Coupling&>(*chain[4]) =
        Coupling(3, affine(), {.hidden = {4}, .start_as_identity = false}, rng);
    check();
  }
  SECTION("a network in another's place in memory") {
    Mlp& network = networks(5)[0];
    const std::vector<Index> sizes{network.in(), 6, network.out()};
    std::destroy_at(&network);
    std::construct_at(&network, sizes, rng);
    check();
  }
  SECTION("a copy of another network there, in whose memory its layers may lie") {
    Mlp& network = networks(5)[0];
    const Mlp other = [&] {
      Mlp copy = network;
      for (Linear& layer : copy.layers) layer.W = rng.normal(layer.W.shape());
      return copy;
    }();
    check();
    std::destroy_at(&network);
    std::construct_at(&network, other);
    check();
  }
  SECTION("an optimiser's weights") {
    real* const numbers = weights.mutable_numbers();  // moves them side by side
    check();
    for (Index i = 0; i < weights.count(); ++i) numbers[i] /= 2;  // in place
    check();
  }
}

TEST_CASE("a coupling keeps the first half and scales and shifts the rest, by its formula") {
  Rng rng(7);
  Coupling layer(3, affine(), kFree, rng);
  randomize(parameters(layer), real(0.6), 7);
  const Tensor z = rng.normal({5, 3});
  const Tensor x = layer.to_data(z).points.value();
  REQUIRE(layer.networks().size() == 2);
  const Tensor raw = layer.networks()[0](slice(z, 1, 0, 1)).value();
  const Tensor t = layer.networks()[1](slice(z, 1, 0, 1)).value();
  for (Index i = 0; i < 5; ++i) {
    CHECK(x.at({i, 0}) == z.at({i, 0}));
    for (Index k = 0; k < 2; ++k) {
      const double s = 2 * std::tanh(double{raw.at({i, k})} / 2);
      const double moved = std::exp(s) * double{z.at({i, k + 1})} + double{t.at({i, k})};
      CHECK(close(x.at({i, k + 1}), moved, 30, std::abs(moved - t.at({i, k}))));
    }
  }
}

TEST_CASE("the bound holds however large the networks' results are, and without it there is none") {
  for (const real bound : {real(0.5), real(2), kInfinity}) {
    Rng rng(8);
    Coupling layer(4, affine(bound), kFree, rng);
    randomize(parameters(layer), 3, 8);
    const double most = largest(layer.to_data(rng.normal({100, 4})).log_det.value());
    CAPTURE(bound);
    CHECK(most <= 2 * bound * (1 + 4 * kEps));  // two coordinates are moved
    CHECK(most > std::min(double{bound}, 10.0));
  }
}

TEST_CASE("what starts as the identity is one, bit for bit, and can learn") {
  Rng rng(9);
  const Tensor x = rng.normal({5, 4}), context = rng.normal({5, 2});
  for (const ConditionerOptions& options :
       {ConditionerOptions{}, {.context = 2}, {.hidden = {8}, .blocks = 2}})
    for (const Univariate& map : {affine(), affine(kInfinity), additive()}) {
      const std::vector<AnyBijection> all{
          Coupling(4, map, options, rng),
          Coupling(4, map, options, rng, {.one_network = true, .move_kept = true}),
          MaskedAutoregressive(4, map, options, rng), Elementwise(4, map)};
      for (AnyBijection layer : all) {
        const Var known = layer->context() == 0 ? no_context : context;
        CAPTURE(layer->name(), map.name, options.context);
        CHECK(difference(layer->to_latent(x, known).points.value(), x) == "");
        CHECK(difference(layer->to_data(x, known).points.value(), x) == "");
        CHECK(difference(layer->to_data(x, known).log_det.value(), zeros({5})) == "");
        // The last layers alone receive a gradient at first; enough to leave the identity.
        const Weights weights(parameters(layer));
        Tape tape(weights);
        const Tensor gradient = tape.backward(contracted(layer->to_data(x, known))).flat();
        CHECK(sum(square(gradient)).item() > 0);
      }
    }
}

TEST_CASE("tensors of a coupling are named after what the raw numbers are") {
  Rng rng(3);
  const auto first_and_last = [](auto model) {
    const Parameters all = parameters(model);
    return std::pair(all.front().name, all.back().name);
  };
  using Names = std::pair<std::string, std::string>;
  CHECK(first_and_last(Coupling(2, affine(), {}, rng)) == Names("scale.0.weight", "shift.4.bias"));
  CHECK(first_and_last(Coupling(2, additive(), {}, rng)) ==
        Names("shift.0.weight", "shift.4.bias"));
  CHECK(first_and_last(Coupling(2, affine(), {}, rng, {.one_network = true, .move_kept = true})) ==
        Names("network.0.weight", "kept"));
  CHECK(first_and_last(MaskedAutoregressive(2, affine(), {}, rng)) == Names("0.weight", "4.bias"));
  CHECK(first_and_last(Elementwise(2, affine())) == Names("raw", "raw"));
  CHECK(count(Coupling(2, affine(), {}, rng)) == 482);
}

TEST_CASE("conditioners that make no sense are refused") {
  Rng rng(10);
  CHECK(message_of<ShapeError>([&] { Coupling(1, affine(), {}, rng); }) ==
        "Coupling: 1 coordinates given; at least 2: one to keep and one to move");
  CHECK(message_of<ShapeError>([&] { Coupling(3, affine(), {}, rng, {.kept = 3}); }) ==
        "Coupling: 3 of 3 coordinates to be kept given; 1 to 2");
  CHECK_THROWS_AS(Coupling(3, affine(), {}, rng, {.kept = 0}), ShapeError);
  CHECK_THROWS_AS(Coupling(2, affine(), {.hidden = {8, 0}}, rng), ShapeError);
  CHECK(message_of<ShapeError>([&] { Coupling(2, affine(), {.context = -1}, rng); }) ==
        "conditioner: a context of -1 numbers given; 0 or more");
  CHECK_THROWS_AS(MaskedAutoregressive(2, affine(), {.context = -1}, rng), ShapeError);
  CHECK_THROWS_AS(Coupling(2, affine(), {.blocks = -1}, rng), ShapeError);
  CHECK_THROWS_AS(MaskedAutoregressive(2, affine(), {.hidden = {}, .blocks = 1}, rng), ShapeError);
  CHECK(message_of<ShapeError>([&] { Elementwise(0, affine()); }) ==
        "Elementwise: 0 coordinates given; at least 1");
  CHECK(message_of<ShapeError>([&] { MaskedAutoregressive(0, affine(), {}, rng); }) ==
        "MaskedAutoregressive: 0 coordinates given; at least 1");
  for (const Index dim : {3, 5, 9})
    for (const std::vector<Index>& hidden :
         {std::vector<Index>{dim - 2}, {dim - 1, dim - 2}, {dim - 2, dim + 5}}) {
      CAPTURE(dim, hidden);
      CHECK(message_of<ShapeError>([&] {
              MaskedAutoregressive(dim, affine(), {.hidden = hidden}, rng);
            }) == fmt::format("MaskedAutoregressive: a hidden layer of {} units for {} coordinates "
                              "given; at least {}, or some would not be seen",
                              dim - 2, dim, dim - 1));
    }
}

// --- who sees whom ---

// Row i, column j: whether coordinate i of the result depends on coordinate j, at one of 20 points.
std::vector<std::vector<bool>> pattern(const AnyBijection& f, bool to_latent = true) {
  const Index D = f->dim();
  Rng rng(5);
  Tape tape;
  const Var x = tape.variable(rng.normal({20, D}));
  const Var y = (to_latent ? f->to_latent(x) : f->to_data(x)).points;
  std::vector<std::vector<bool>> seen;
  for (Index i = 0; i < D; ++i) {
    const Tensor row = tape.backward(y, kernel::pad(ones({20, 1}), 1, i, D))[x].value();
    seen.emplace_back();
    for (Index j = 0; j < D; ++j)
      seen.back().push_back(max(abs(slice(row, 1, j, j + 1))).item() > 0);
  }
  return seen;
}

TEST_CASE("in a coupling what moves sees what is kept and itself, for every split") {
  for (Index dim = 2; dim <= 9; ++dim)
    for (Index kept = 1; kept < dim; ++kept) {
      CAPTURE(dim, kept);
      Rng rng(1);
      const auto seen = pattern(Coupling(dim, affine(), kFree, rng, {.kept = kept}));
      for (Index i = 0; i < dim; ++i)
        for (Index j = 0; j < dim; ++j)
          CHECK(seen[std::size_t(i)][std::size_t(j)] == (i == j || (i >= kept && j < kept)));
    }
}

TEST_CASE("in an autoregressive layer each coordinate sees all before it and itself, both ways") {
  for (Index dim = 1; dim <= 9; ++dim)
    for (const std::vector<Index>& hidden :
         {std::vector<Index>{}, {dim}, {dim + 3, std::max<Index>(1, dim - 1)}, {16, 16, 16}})
      for (const bool to_latent : {true, false})
        for (const Index blocks : {0, 2}) {
          if (blocks > 0 && hidden.empty()) continue;
          CAPTURE(dim, hidden, to_latent, blocks);
          Rng rng(2);
          const ConditionerOptions options{.hidden = hidden,
                                           .blocks = blocks,
                                           .activation = activations::tanh,
                                           .start_as_identity = false};
          const auto seen = pattern(MaskedAutoregressive(dim, affine(), options, rng), to_latent);
          for (Index i = 0; i < dim; ++i)
            for (Index j = 0; j < dim; ++j) CHECK(seen[std::size_t(i)][std::size_t(j)] == (j <= i));
        }
}

TEST_CASE("masks hold after training steps: what is not seen gets no gradient") {
  Rng rng(3);
  for (const Index blocks : {0, 2}) {
    MaskedAutoregressive layer(
        4, affine(), {.hidden = {8, 8}, .blocks = blocks, .start_as_identity = false}, rng);
    randomize(parameters(layer), 2, 3);  // as far from the beginning as any training goes
    const auto seen = pattern(layer);
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = 0; j < 4; ++j) CHECK(seen[i][j] == (j <= i));
  }
}

bool all_see_all(const Flow& flow) {
  bool all = true;
  for (const bool to_latent : {true, false})
    for (const auto& row : pattern(flow.bijection, to_latent))
      for (const bool seen : row) all &= seen;
  return all;
}

TEST_CASE("after enough layers every coordinate depends on every other, for every D and order",
          "[slow]") {
  for (const auto& [name, recipe] : kRecipes)
    for (Index dim = 2; dim <= 9; ++dim)
      for (const Permuting permuting : {Permuting::alternate, Permuting::random, Permuting::lu})
        for (const std::uint64_t seed : {1u, 2u}) {
          CAPTURE(name, dim, static_cast<int>(permuting), seed);
          Rng rng(seed);
          FlowOptions options{.layers = permuting == Permuting::random ? 16 : 4,
                              .permuting = permuting};
          options.network = {.activation = activations::tanh, .start_as_identity = false};
          CHECK(all_see_all(recipe(dim, options, rng)));
        }
}

TEST_CASE("every coordinate is kept by some coupling, so that every other can depend on it") {
  for (Index dim = 2; dim <= 33; ++dim) {
    CAPTURE(dim);
    std::vector<Index> at(static_cast<std::size_t>(dim));  // which coordinate is where
    for (Index i = 0; i < dim; ++i) at[std::size_t(i)] = i;
    const Permutation between = Permutation::rotation(dim, dim / 2);
    std::set<Index> kept, moved;
    for (int layer = 0; layer < 3; ++layer) {
      for (Index i = 0; i < dim; ++i) (i < dim / 2 ? kept : moved).insert(at[std::size_t(i)]);
      std::vector<Index> next;
      for (const Index i : between.order()) next.push_back(at[std::size_t(i)]);
      at = next;
    }
    CHECK(std::ssize(kept) == dim);
    CHECK(std::ssize(moved) == dim);
  }
}

// --- permutations ---

TEST_CASE("a permutation puts coordinates in its order, and back") {
  const Permutation turn({2, 0, 1});
  const Tensor z({{10, 11, 12}, {20, 21, 22}});
  CHECK(difference(turn.to_data(z).points.value(), Tensor({{12, 10, 11}, {22, 20, 21}})) == "");
  CHECK(difference(turn.to_latent(z).points.value(), Tensor({{11, 12, 10}, {21, 22, 20}})) == "");
  CHECK(difference(turn.to_data(z).log_det.value(), zeros({2})) == "");
  CHECK(Permutation::reversal(3).order() == std::vector<Index>{2, 1, 0});
  CHECK(Permutation::rotation(5, 2).order() == std::vector<Index>{2, 3, 4, 0, 1});
  CHECK(Permutation::rotation(2, 1).order() == Permutation::reversal(2).order());
  CHECK(Permutation::rotation(3, 3).order() == std::vector<Index>{0, 1, 2});

  Rng rng(11);
  std::set<std::vector<Index>> orders;
  for (int i = 0; i < 100; ++i) orders.insert(Permutation::random(3, rng).order());
  CHECK(orders.size() == 6);  // one of the six is missed once in 10^7 times
}

TEST_CASE("orders that are none are refused") {
  Rng rng(1);
  CHECK(message_of<ShapeError>([] {
          Permutation({0, 0});
        }) == "Permutation: order [0, 0] given; each of 0 to 1 once is required");
  CHECK_THROWS_AS(Permutation({1, 2}), ShapeError);
  CHECK_THROWS_AS(Permutation({0, -1}), ShapeError);
  CHECK_THROWS_AS(Permutation(std::vector<Index>{}), ShapeError);
  for (const Index dim : {0, -1}) {
    const std::string message = "Permutation: an order of no coordinates given; at least 1";
    CHECK(message_of<ShapeError>([&] { Permutation::reversal(dim); }) == message);
    CHECK(message_of<ShapeError>([&] { Permutation::rotation(dim, 1); }) == message);
    CHECK_THROWS_AS(Permutation::random(dim, rng), ShapeError);
  }
  CHECK_THROWS_AS(Permutation::rotation(3, -1), ShapeError);

  Permutation permutation = Permutation::reversal(2);
  const auto loaded = [&](const Tensor& order) {
    return message_of<ShapeError>([&] { load(permutation, {{"order", order}}); });
  };
  CHECK(loaded(ones({2})) == "Permutation: order [1, 1] given; each of 0 to 1 once is required");
  CHECK(contains(loaded(zeros({3})), "(3) given for \"order\"; (2) is required"));
  for (const real wrong : {real(0.9), real(-1), real(2), real(1e30), kNan, kInfinity}) {
    CAPTURE(wrong);
    CHECK(loaded(Tensor(Shape{2}, {wrong, 1})) ==
          fmt::format("Permutation: {} in an order given; each of 0 to 1 once is required", wrong));
  }
  CHECK(permutation.order() == std::vector<Index>{1, 0});

  // What a flow loaded before its order made no sense is as it was.
  Flow flow = real_nvp(2, {.layers = 3}, rng);
  NamedTensors other = tensors(flow);
  const std::string before = hash_tensors(other);
  for (auto& [name, x] : other) x = ones(x.shape());
  CHECK(contains(message_of<ShapeError>([&] { load(flow, other); }), "order [1, 1] given"));
  CHECK(hash_tensors(tensors(flow)) == before);
}

// --- standardised data ---

TEST_CASE("standardised data have mean 0 and deviation 1, in any number of columns and any units") {
  for (const Index dim : {1, 2, 3, 7})
    for (const auto& [offset, scale] :
         {std::pair<real, real>{0, 1}, {1000, 50}, {-3, real(1e-3)}}) {
      CAPTURE(dim, offset, scale);
      Rng rng(6);
      const Tensor data = (offset + scale * rng.normal({1000, dim})).value();
      const Standardize layer = Standardize::of(data);
      const Tensor z = layer.to_latent(data).points.value();
      for (Index i = 0; i < dim; ++i) {
        double mean = 0, square = 0;
        for (Index b = 0; b < 1000; ++b) {
          mean += z.at({b, i}) / 1000.0;
          square += double{z.at({b, i})} * z.at({b, i}) / 1000;
        }
        const double roundings = 20 * kEps * (1 + std::abs(double{offset} / scale));
        CHECK(std::abs(mean) < roundings);
        CHECK(std::abs(square - 1) < roundings);
      }
    }
}

TEST_CASE("moments of many numbers are right to the last digits") {
  constexpr Index kMany = 300'000;
  Tensor data({kMany, 2});
  for (Index i = 0; i < kMany; ++i) {
    data.mutable_data()[2 * i] = real(0.1);
    data.mutable_data()[2 * i + 1] = i % 2 ? real(1e4 + 1) : real(1e4 - 1);
  }
  data.mutable_data()[2 * kMany - 2] = real(0.1) + real(1);  // not constant
  const Standardize layer = Standardize::of(data);
  // Sums in double, in the double build too: off by some of the root of so many of its roundings.
  const double roundings = sizeof(real) == 8 ? std::sqrt(double(kMany)) : 2;
  CHECK(close(layer.mean().at({0}), double{real(0.1)} + 1.0 / kMany, roundings));
  CHECK(close(layer.mean().at({1}), 1e4, roundings));
  CHECK(close(layer.deviation().at({1}), 1, roundings));
}

TEST_CASE("data that cannot be standardised are refused, and their column is named") {
  const auto refused = [](const Tensor& data) {
    return message_of<ShapeError>([&] { Standardize::of(data); });
  };
  CHECK(refused(Tensor({{1, 5}, {2, 5}, {3, 5}})) ==
        "Standardize::of: column 1 given; it is constant, 5; hint: leave it out");
  // One that is constant, but whose sum is rounded.
  CHECK(contains(refused(Tensor({100'000, 1}, real(0.1))), "column 0 given; it is constant, 0.1"));
  for (const real wrong : {kNan, kInfinity, -kInfinity})
    CHECK(refused(Tensor({{1, 2, 3}, {4, 5, 6}, {7, 8, wrong}})) ==
          "Standardize::of: column 2 given; it has a number that is not finite");
  CHECK(refused(ones({5})) ==
        "Standardize::of: data (5) given; (N, D) with N at least 2 are required");
  CHECK_THROWS_AS(Standardize::of(ones({1, 2})), ShapeError);
  CHECK_THROWS_AS(Standardize::of(zeros({0, 2})), ShapeError);
  CHECK_THROWS_AS(Standardize::of(zeros({3, 0})), ShapeError);

  const Tensor two = ones({2});
  CHECK_THROWS_AS(Standardize(two, zeros({2})), ShapeError);
  CHECK_THROWS_AS(Standardize(two, ones({3})), ShapeError);
  CHECK_THROWS_AS(Standardize(ones({1, 2}), ones({1, 2})), ShapeError);
  CHECK_THROWS_AS(Standardize(two, Tensor(Shape{2}, {1, -1})), ShapeError);
  CHECK_THROWS_AS(Standardize(Tensor(Shape{2}, {1, kInfinity}), two), ShapeError);

  Standardize layer(two, two);
  CHECK_THROWS_AS(load(layer, {{"mean", two}, {"deviation", zeros({2})}}), ShapeError);
  CHECK_THROWS_AS(load(layer, {{"mean", Tensor(Shape{2}, {1, kNan})}, {"deviation", two}}),
                  ShapeError);
  CHECK(difference(layer.mean(), two) == "");
  CHECK(difference(layer.deviation(), two) == "");
}

TEST_CASE("with Standardize outermost a density is in the data's own units") {
  // Of a density in other units, p(x) = p'(x') / |units|.
  Rng rng(7);
  const Tensor data = (1000 + 50 * rng.normal({500, 2})).value();
  const Standardize layer = Standardize::of(data);
  const Flow inner = real_nvp(2, {.layers = 3, .network = kFree}, rng);
  const Flow flow(Chain{inner.bijection, layer});
  const Tensor x = data.rows(0, 20);
  const double units = std::log(double{layer.deviation().at({0})} * layer.deviation().at({1}));
  const Tensor own = flow.log_prob(x).value();
  const Tensor standardised = inner.log_prob(layer.to_latent(x).points).value();
  for (Index i = 0; i < 20; ++i)
    CHECK(close(own.at({i}), double{standardised.at({i})} - units, 20, 10));
  const Tensor samples = flow.sample(100, rng);
  CHECK(mean(samples).item() == Approx(1000).margin(50));
}

// --- chains, and the values that hold bijections ---

TEST_CASE("a chain is its layers one after another, from the latent side to the data side") {
  const Standardize twice(zeros({2}), Tensor({2}, real(0.5)));  // to_data: halved
  const Standardize plus_one(Tensor({2}, -1), ones({2}));       // to_data: minus 1
  const Chain chain{twice, plus_one};
  const Tensor z({{2, 4}});
  CHECK(difference(chain.to_data(z).points.value(), Tensor({{0, 1}})) == "");
  CHECK(difference(chain.to_latent(Tensor({{0, 1}})).points.value(), z) == "");
  CHECK(difference(Inverse(chain).to_latent(z).points.value(), Tensor({{0, 1}})) == "");
  CHECK(chain.size() == 2);
  CHECK(std::string(chain[1]->name()) == "Standardize");
  CHECK(chain[1].as<Standardize>() != nullptr);
  CHECK(chain[1].as<Permutation>() == nullptr);
}

TEST_CASE("chains whose layers do not fit are refused") {
  Rng rng(1);
  const auto with = [&](Index context) { return Coupling(2, affine(), {.context = context}, rng); };
  CHECK(message_of<ShapeError>([] { Chain(std::vector<AnyBijection>{}); }) ==
        "Chain: no layers given; at least 1");
  CHECK(message_of<ShapeError>([&] {
          Chain{with(0), Permutation::reversal(3)};
        }) == "Chain: Coupling of 2 coordinates and Permutation of 3 given; all of one");
  CHECK(message_of<ShapeError>([&] {
          Chain{with(0), with(2), with(3)};
        }) == "Chain: layers with contexts of 2 and of 3 numbers given; all that have one, of one");
  CHECK(Chain{with(0), with(2), Permutation::reversal(2)}.context() == 2);
}

TEST_CASE("what a direction costs is known: passes through networks") {
  Rng rng(1);
  const auto costs = [](const Bijection& f) {
    return std::pair(f.passes().to_latent, f.passes().to_data);
  };
  using Pair = std::pair<Index, Index>;
  CHECK(costs(Permutation::reversal(3)) == Pair(0, 0));
  CHECK(costs(Coupling(3, affine(), {}, rng)) == Pair(1, 1));
  CHECK(costs(MaskedAutoregressive(5, affine(), {}, rng)) == Pair(1, 5));
  CHECK(costs(Inverse(MaskedAutoregressive(5, affine(), {}, rng))) == Pair(5, 1));
  CHECK(costs(*maf(5, {.layers = 3}, rng).bijection) == Pair(3, 15));
  CHECK(costs(*iaf(5, {.layers = 3}, rng).bijection) == Pair(15, 3));
}

TEST_CASE("states on the way begin with the points and end where the chain does") {
  Rng rng(18);
  Flow flow = real_nvp(2, {}, rng);
  randomize(parameters(flow), real(0.4), 18);
  const Chain& chain = *flow.bijection.as<Chain>();
  const Tensor z = rng.normal({10, 2});
  Tape tape;  // on which nothing of it appears
  const auto there = chain.states_to_data(z);
  REQUIRE(there.size() == 31);
  CHECK(difference(there.front(), z) == "");
  CHECK(difference(there.back(), chain.to_data(z).points.value()) == "");
  const auto back = chain.states_to_latent(there.back());
  REQUIRE(back.size() == 31);
  CHECK(difference(back.front(), there.back()) == "");
  CHECK(difference(back.back(), chain.to_latent(there.back()).points.value()) == "");
  // The way back leads through the same places; 3e4 roundings, since scales up to e^2 enlarge them.
  for (std::size_t k = 0; k < 31; ++k)
    CHECK(difference(back[30 - k], reference(there[k]), 3e4, 4) == "");
  CHECK_THROWS_AS(chain.states_to_data(ones({4, 3})), ShapeError);
  CHECK_THROWS_AS(chain.states_to_latent(ones({4, 2}), ones({4, 1})), ShapeError);
}

TEST_CASE("a value that was moved away says so") {
  AnyBijection layer = Permutation::reversal(2);
  const AnyBijection taken = std::move(layer);
  CHECK(message_of<GraphError>([&] { layer->dim(); }) ==
        "Polymorphic: used after it was moved away");
  CHECK_THROWS_AS(AnyBijection(layer), GraphError);
  layer = taken;
  CHECK(layer->dim() == 2);
}

// Of each direction: a model that was moved is empty, and its new owner works.
template <class Map>
void check_moved(Map map) {
  const Index D = map.dim();
  CAPTURE(map.name(), D);
  const Tensor x = Rng(2).normal({3, D});
  const Map taken = std::move(map);
  const auto refused = [](const auto& f) {
    CHECK(contains(message_of<GraphError>(f), "moved away"));
  };
  refused([&] { map.to_latent(x); });
  refused([&] { map.to_data(x, no_context, LogDet::no); });
  refused([&] { map.initialise(x); });
  CHECK(taken.to_latent(x).points.shape() == x.shape());
}

TEST_CASE("a bijection of any class that was moved away says so") {
  Rng rng(4);
  for (const Index D : {2, 3, 5}) {
    check_moved(Coupling(D, affine(), {}, rng));
    check_moved(Coupling(D, additive(), {}, rng, {.one_network = true, .move_kept = true}));
    check_moved(MaskedAutoregressive(D, affine(), {}, rng));
    check_moved(Chain{Permutation::reversal(D), Coupling(D, affine(), {}, rng)});
    check_moved(Chain{Permutation::reversal(D)});
    check_moved(Inverse(Coupling(D, affine(), {}, rng)));
    check_moved(Continuous(VelocityNetwork(D, {.hidden = {4}}, rng), {.steps = {2}}));
    check_moved(Elementwise(D, affine()));
  }
  Univariate map = affine();
  const Univariate taken = std::move(map);
  for (const Index M : {1, 3})
    CHECK_THROWS_AS(map.to_latent(ones({2, M}), ones({2, 2 * M}), LogDet::yes), GraphError);
  Flow flow = real_nvp(2, {.layers = 2}, rng);
  const Flow other = std::move(flow);
  CHECK_THROWS_AS(flow.log_prob(ones({3, 2})), GraphError);
  CHECK_THROWS_AS(flow.sample(3, rng), GraphError);
}

TEST_CASE("points and contexts of a tape that has ended are refused by every flow") {
  for (const auto& [name, make] : kRecipes)
    for (const Index context : {0, 2}) {
      CAPTURE(name, context);
      Rng rng(5);
      const Flow flow = make(3, {.layers = 2, .network = {.context = context}}, rng);
      const Tensor x = rng.normal({4, 3}), c = context == 0 ? Tensor() : rng.normal({4, context});
      Var old_x = x, old_c = c;
      {
        Tape tape;
        old_x = exp(tape.variable(x));
        if (context > 0) old_c = exp(tape.variable(c));
      }
      CHECK_THROWS_AS(flow.bijection->to_latent(old_x, c), GraphError);
      CHECK_THROWS_AS(flow.bijection->to_data(old_x, c, LogDet::no), GraphError);
      if (context == 0) continue;
      CHECK_THROWS_AS(flow.bijection->to_latent(x, old_c), GraphError);
      CHECK_THROWS_AS(flow.bijection->to_data(x, old_c), GraphError);
    }
}

}  // namespace
}  // namespace gradflow
