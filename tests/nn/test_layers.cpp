// Layers against plain loops: their values, their initial values, the gradients of all their
// parameters, and that a model is a value.

#include "nn/mlp.h"

#include <algorithm>

#include "autograd/gradcheck.h"
#include "nn/optimizer.h"
#include "nn/residual_network.h"
#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// x W^T + b, one product after another.
Reference plain_linear(const Reference& x, const Linear& layer) {
  const Reference W = reference(layer.W.value()), b = reference(layer.b.value());
  return reference(Shape{x.shape[0], W.shape[0]}, [&](const Position& p) {
    double y = b[{p[1]}];
    for (Index i = 0; i < W.shape[1]; ++i) y += x[{p[0], i}] * W[{p[1], i}];
    return y;
  });
}

Reference plain_mlp(Reference x, const Mlp& mlp, double slope) {
  for (std::size_t i = 0; i < mlp.layers.size(); ++i) {
    x = plain_linear(x, mlp.layers[i]);
    if (i + 1 < mlp.layers.size())
      for (double& value : x.values) value *= value > 0 ? 1 : slope;
  }
  return x;
}

template <class Model>
std::vector<std::string> names_and_shapes(Model model) {
  std::vector<std::string> list;
  for (const auto& [name, parameter] : parameters(model))
    list.push_back(name + " " + to_string(parameter->value().shape()));
  return list;
}

double sum_of(const Tensor& x, double power) {
  double total = 0;
  for (const real value : x.values()) total += std::pow(value, power);
  return total;
}

TEST_CASE("Linear multiplies and adds") {
  const std::vector<Index> sizes{1, 2, 3, 8, 65};
  for (const Index in : sizes)
    for (const Index out : sizes)
      for (const Index batch : {1, 2, 7, 130}) {
        CAPTURE(in, out, batch);
        Rng rng(1);
        const Linear layer(in, out, rng);
        const Tensor x = rng.uniform({batch, in}, -1, 1);
        // A product and a sum for each input, of terms that are below 1.
        CHECK(difference(layer(x).value(), plain_linear(reference(x), layer), double(in + 1), 1) ==
              "");
      }
}

TEST_CASE("Mlp is its layers with an activation between them, none after the last") {
  for (const std::vector<Index>& sizes :
       {std::vector<Index>{2, 3}, {1, 8, 8, 8, 8, 1}, {3, 64, 64, 64, 64, 2}, {2, 1, 5}}) {
    for (const Index batch : {1, 5, 64, 130}) {
      CAPTURE(sizes, batch);
      Rng rng(2);
      const Mlp mlp(sizes, rng);
      const Tensor x = rng.normal({batch, sizes.front()});
      // Each layer adds a rounding for each of its inputs and passes on those that it is given.
      double roundings = 0;
      for (const Index size : sizes) roundings += double(size + 2);
      CHECK(difference(mlp(x).value(), plain_mlp(reference(x), mlp, real(0.01)), roundings, 1) ==
            "");
    }
  }
}

TEST_CASE("an output of an Mlp may be below zero, and far below") {
  Rng rng(3);
  Mlp mlp({1, 4, 1}, rng);
  mlp.zero_last_layer();
  mlp.layers.back().b = Tensor(Shape{1}, {-100});
  CHECK(mlp(Tensor({{1}})).value().item() == -100);
}

TEST_CASE("Mlp takes another activation") {
  Rng rng(4);
  const Mlp bent({2, 4, 1}, rng, Activation{"square", square});
  const Tensor x = rng.normal({3, 2});
  Reference hidden = plain_linear(reference(x), bent.layers[0]);
  for (double& value : hidden.values) value *= value;
  CHECK(difference(bent(x).value(), plain_linear(hidden, bent.layers[1]), 30, 4) == "");
}

// The sizes of a residual network with two blocks: 2-3-4, 4-4, 4-4, 4-4, 4-4, 4-1.
TEST_CASE("residual blocks add to what they are given") {
  Rng rng(4);
  Mlp network = residual_network({2, 3, 4, 1}, 2, rng);
  randomize(parameters(network), real(0.6), 4);
  REQUIRE(network.layers.size() == 7);
  const Tensor x = rng.normal({5, 2});
  const auto bent = [](Reference h) {
    for (double& value : h.values) value *= value > 0 ? 1 : real(0.01);
    return h;
  };
  const auto layer = [&](std::size_t l, const Reference& h) {
    return plain_linear(h, network.layers[l]);
  };
  Reference h = layer(1, bent(layer(0, reference(x))));
  for (std::size_t l = 2; l <= 4; l += 2) {
    const Reference added = layer(l + 1, bent(layer(l, bent(h))));
    for (std::size_t i = 0; i < h.values.size(); ++i) h.values[i] += added.values[i];
  }
  CHECK(difference(network(x).value(), layer(6, bent(h)), 100, 2) == "");
}

TEST_CASE("a residual network begins close to one without blocks, and all of it can learn") {
  Rng rng(4), same(4), anew(5);
  const Mlp plain({2, 8, 3}, rng);
  Mlp network = residual_network({2, 8, 3}, 2, same);
  CHECK(parameters(network).size() == 12);
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    CAPTURE(l);
    const bool ends_a_block = l == 2 || l == 4;
    for (const Parameter& begun : {network.layers[l].W, network.layers[l].b})
      CHECK((max(abs(begun)).item() <= real(0.001)) == ends_a_block);
  }
  CHECK(difference(network.layers[0].W.value(), plain.layers[0].W.value()) == "");
  const Tensor x = anew.normal({5, 2});
  Mlp shallow = plain;  // without the blocks
  shallow.layers[1] = network.layers.back();
  const Tensor apart = abs(network(x) - shallow(x)).value();
  CHECK(max(apart).item() < 0.02);  // two blocks of 8 terms of 0.001, through 8 weights below 0.4
  CHECK(max(apart).item() > 1e-5);
  const Tensor weights = anew.normal({5, 3});
  CHECK(wrong_gradient(parameters(network), [&] { return sum(weights * network(x)); }) == "");
  CHECK(without_gradient(parameters(network), [&] { return sum(weights * network(x)); }) == "");
}

TEST_CASE("networks with blocks are taken in turn, and copied, like others") {
  Rng rng(4);
  const std::vector<Mlp> pair{residual_network({2, 8, 3}, 1, rng), Mlp({2, 8, 3}, rng)};
  const Tensor x = rng.normal({5, 2}), both = interleaved(x, pair).value();
  for (Index r = 0; r < 2; ++r)
    for (Index k = 0; k < 3; ++k) {
      const Tensor own = kernel::slice(both, 1, 2 * k + r, 2 * k + r + 1);
      const Tensor alone = kernel::slice(pair[std::size_t(r)](x).value(), 1, k, k + 1);
      CHECK(difference(own, reference(alone), 100, 1) == "");  // sums in another order
    }
  const Mlp copy = pair[0];
  CHECK(difference(copy(x).value(), pair[0](x).value()) == "");
}

TEST_CASE("Embedding picks the rows of its table") {
  Rng rng(5);
  const Embedding embedding(5, 3, rng);
  const Tensor y = embedding({4, 0, 4, 2}).value();
  const Reference table = reference(embedding.table.value());
  const std::vector<Index> labels{4, 0, 4, 2};
  CHECK(difference(y,
                   reference(Shape{4, 3},
                             [&](const Position& p) {
                               return table[{labels[std::size_t(p[0])], p[1]}];
                             }),
                   0) == "");
}

TEST_CASE("parameters have PyTorch's names, in the order of the layers") {
  using List = std::vector<std::string>;
  Rng rng(6);
  CHECK(names_and_shapes(Linear(2, 3, rng)) == List{"weight (3, 2)", "bias (3)"});
  CHECK(names_and_shapes(Mlp({2, 4, 3, 1}, rng)) == List{"0.weight (4, 2)", "0.bias (4)",
                                                         "1.weight (3, 4)", "1.bias (3)",
                                                         "2.weight (1, 3)", "2.bias (1)"});
  CHECK(names_and_shapes(Embedding(5, 10, rng)) == List{"weight (5, 10)"});
}

TEST_CASE("the number of parameters") {
  Rng rng(7);
  CHECK(count(Linear(2, 3, rng)) == 9);
  CHECK(count(Mlp({1, 8, 8, 8, 8, 1}, rng)) == 241);
  CHECK(count(Mlp({3, 64, 64, 64, 64, 2}, rng)) == 12866);
  CHECK(count(Embedding(5, 10, rng)) == 50);
}

TEST_CASE("two tensors of one name are refused, whatever is asked of the model") {
  const auto refused = [](auto& model, const std::string& name) {
    const std::function<void()> calls[] = {
        [&] { tensors(model); },  [&] { trained_tensors(model); }, [&] { fixed_tensors(model); },
        [&] { load(model, {}); }, [&] { parameters(model); },      [&] { count(model); }};
    for (const auto& call : calls)
      CHECK(message_of<GraphError>(call) ==
            fmt::format("visit: two tensors named \"{}\" given; each name once", name));
  };
  struct OnePrefix {
    Linear first, second;
    void visit(const Visitor& visit) {
      visit("part", first);
      visit("part", second);
    }
  };
  struct TrainedAndFixed {
    Parameter scale{ones({2})};
    Tensor mean = zeros({2});
    void visit(const Visitor& visit) {
      visit("x", scale);
      visit("x", mean);
    }
  };
  struct Inner {
    Parameter b{ones({2})};
    void visit(const Visitor& visit) { visit("b", b); }
  };
  struct Dotted {
    Inner a;
    Parameter other{ones({2})};
    void visit(const Visitor& visit) {
      visit("a", a);
      visit("a.b", other);
    }
  };
  Rng rng(24);
  OnePrefix one_prefix{Linear(2, 3, rng), Linear(3, 2, rng)};
  TrainedAndFixed trained_and_fixed;
  Dotted dotted;
  refused(one_prefix, "part.weight");
  refused(trained_and_fixed, "x");
  refused(dotted, "a.b");
  CHECK(count(dotted.a) == 2);
}

TEST_CASE("initial weights and biases fill the interval up to 1/sqrt(inputs)") {
  for (const Index in : {1, 2, 8, 64}) {
    Rng rng(8);
    const Linear layer(in, 5000, rng);
    const double bound = 1 / std::sqrt(double(in));
    for (const Tensor& x : {layer.W.value(), layer.b.value()}) {
      CAPTURE(in, to_string(x.shape()));
      const auto [least, most] = std::minmax_element(x.values().begin(), x.values().end());
      const double reached = bound * (1 + kEps);  // the bound itself is rounded
      CHECK(*least >= -reached);
      CHECK(*most <= reached);
      CHECK(*least < -0.99 * bound);  // 5000 draws all miss the last 1/200 once in 10^11 times
      CHECK(*most > 0.99 * bound);
      // Mean 0 and variance bound^2 / 3, to four standard errors.
      const double n = double(x.size());
      CHECK(std::abs(sum_of(x, 1) / n) < 4 * bound / std::sqrt(3 * n));
      CHECK(std::abs(sum_of(x, 2) / n - bound * bound / 3) <
            4 * bound * bound * std::sqrt(4 / 45.0 / n));
    }
  }
}

TEST_CASE("initial vectors of an Embedding are standard normal") {
  Rng rng(9);
  const Tensor table = Embedding(100, 100, rng).table.value();
  CHECK(std::abs(sum_of(table, 1) / 1e4) < 4 * 0.01);
  CHECK(std::abs(sum_of(table, 2) / 1e4 - 1) < 4 * 0.01 * std::sqrt(2.0));
}

TEST_CASE("layers and models of one generator differ, those of one seed are the same") {
  Rng rng(10), same(10), other(11);
  Mlp first({2, 3, 3, 1}, rng), second({2, 3, 3, 1}, rng);
  CHECK(bits(first) != bits(second));
  CHECK(bits(first) == bits(Mlp({2, 3, 3, 1}, same)));
  CHECK(bits(first) != bits(Mlp({2, 3, 3, 1}, other)));
}

TEST_CASE("zero_last_layer makes an Mlp the constant 0 that can still learn") {
  Rng rng(12);
  Mlp mlp({2, 8, 8, 3}, rng);
  const Tensor hidden = mlp.layers[1].W.value();
  mlp.zero_last_layer();
  const Tensor x = rng.normal({5, 2});
  CHECK(difference(mlp(x).value(), zeros({5, 3})) == "");
  CHECK(difference(mlp.layers[1].W.value(), hidden) == "");

  Weights weights(parameters(mlp));
  Adam adam(weights);
  Tape tape(weights);
  adam.step(tape.backward(mean(square(mlp(x) - real(1)))));
  CHECK(sum_of(mlp(x).value(), 2) > 0);
}

TEST_CASE("gradients of all parameters are right") {
  Rng rng(13);
  const Tensor x = rng.normal({5, 2});
  const Tensor weights = rng.normal({5, 3});  // a plain sum could not see errors that cancel
  SECTION("Linear") {
    Linear layer(2, 3, rng);
    CHECK(wrong_gradient(parameters(layer), [&] { return sum(weights * layer(x)); }) == "");
  }
  SECTION("Mlp") {
    Mlp mlp({2, 8, 8, 3}, rng);
    CHECK(wrong_gradient(parameters(mlp), [&] { return sum(weights * mlp(x)); }) == "");
  }
  SECTION("Mlp with another activation") {
    Mlp mlp({2, 8, 8, 3}, rng, activations::tanh);
    CHECK(wrong_gradient(parameters(mlp), [&] { return sum(weights * mlp(x)); }) == "");
  }
  SECTION("Embedding, one row used twice and one never") {
    Embedding embedding(4, 3, rng);
    const auto loss = [&] { return sum(weights * square(embedding({1, 3, 1, 0, 3}))); };
    CHECK(wrong_gradient(parameters(embedding), loss) == "");
  }
}

TEST_CASE("gradients of an Mlp with respect to its input, first and second") {
  Rng rng(14);
  const Mlp mlp({2, 8, 8, 3}, rng), smooth({2, 8, 3}, rng, activations::tanh);
  const Tensor x = rng.normal({5, 2});
  const auto result = gradcheck([&](const std::vector<Var>& in) { return mlp(in[0]); }, {x});
  INFO(result.report);
  CHECK(result.passed);
  const auto second = gradgradcheck([&](const std::vector<Var>& in) { return smooth(in[0]); }, {x});
  INFO(second.report);
  CHECK(second.passed);
}

// The fused form against the composed one: narrow networks, whose batch is transposed, and wide
// ones, with batches that fill vectors of eight and that do not.
TEST_CASE("an Mlp as one operation is its layers, one after another") {
  const std::vector<Index> shapes[] = {
      {1, 8, 8, 8, 8, 1}, {2, 5, 3},      {3, 15, 2}, {1, 1},
      {3, 64, 64, 2},     {40, 3, 17, 1}, {4, 4},     {20, 200, 130, 4}};
  for (const std::vector<Index>& sizes : shapes)
    for (const Index batch : {0, 1, 7, 16, 130}) {
      CAPTURE(sizes, batch);
      Rng rng(19);
      Mlp mlp(sizes, rng);
      const Tensor x = rng.normal({batch, sizes.front()});
      const Tensor weights = rng.normal({batch, sizes.back()});
      // No sum here has more than 200 terms of about 1, and each layer rounds once more.
      const auto same = [](const Tensor& a, const Tensor& b) {
        return difference(a, reference(b), 200 * 4, 1);
      };
      CHECK(same(mlp(x).value(), mlp.composed(x).value()) == "");
      const Weights all(parameters(mlp));
      Tape tape(all);
      const Var v = tape.variable(x);
      const Gradients fused = tape.backward(sum(weights * mlp(v)));
      const Gradients composed = tape.backward(sum(weights * mlp.composed(v)));
      CHECK(same(fused[v].value(), composed[v].value()) == "");
      for (const auto& [name, parameter] : parameters(mlp)) {
        CAPTURE(name);
        CHECK(same(fused[*parameter].value(), composed[*parameter].value()) == "");
      }
    }
}

// Those of one table, and one without a fast form.
const Activation kActivations[] = {activations::leaky_relu, activations::relu,
                                   activations::tanh,       activations::silu,
                                   activations::gelu,       activations::selu,
                                   activations::softplus,   Activation{"sine", gradflow::sin}};

TEST_CASE("an Mlp of any activation is its layers, one after another") {
  for (const Activation& activation : kActivations)
    for (const Index batch : {0, 1, 7, 16, 130}) {
      CAPTURE(activation.name, batch);
      Rng rng(24);
      Mlp mlp({2, 5, 17, 3}, rng, activation);
      const Tensor x = (3 * rng.normal({batch, 2})).value(), weights = rng.normal({batch, 3});
      CHECK(difference(mlp(x).value(), reference(mlp.composed(x).value()), 100, 1) == "");
      const Weights all(parameters(mlp));
      Tape tape(all);
      const Var v = tape.variable(x);
      const Gradients fused = tape.backward(sum(weights * mlp(v)));
      const Gradients composed = tape.backward(sum(weights * mlp.composed(v)));
      CHECK(difference(fused[v].value(), reference(composed[v].value()), 200, 1) == "");
      CHECK(difference(fused.flat(), reference(composed.flat()), 200 * 4, 10) == "");
    }
}

// From far on the left, where all but one are flat, to far on the right: value and slope, wherever
// a number stands.
TEST_CASE("activations on plain memory are their operations") {
  for (const Activation& activation : kActivations) {
    if (!activation.plain) continue;
    for (const Index n : {1, 15, 16, 37}) {
      CAPTURE(activation.name, n);
      const Tensor x = linspace(-30, 30, n);
      Tensor value = x, alone = x, slopes(Shape{n});
      activation.plain(n, value.mutable_data(), slopes.mutable_data());
      activation.plain(n, alone.mutable_data(), nullptr);
      Tape tape;
      const Var v = tape.variable(x);
      const Var y = activation(v);
      CHECK(difference(value, reference(y.value()), 8, 1) == "");
      CHECK(difference(alone, value) == "");
      CHECK(difference(slopes, reference(tape.backward(y, ones(y.shape()))[v].value()), 16, 1) ==
            "");
      for (Index i = 0; i < n; ++i) {
        real number = x.values()[static_cast<std::size_t>(i)], slope = 0;
        activation.plain(1, &number, &slope);
        CHECK(number == value.at({i}));
        CHECK(slope == slopes.at({i}));
      }
    }
  }
}

TEST_CASE("networks of every activation in the table are one operation on the tape") {
  for (const Activation& activation : kActivations) {
    CAPTURE(activation.name);
    Rng rng(25);
    Mlp mlp({2, 4, 4, 1}, rng, activation);
    const Weights weights(parameters(mlp));
    Tape tape(weights);
    mlp(ones({3, 2}));
    const bool fused = tape.size() == 2;  // the block of parameters, and the result
    CHECK(fused == (activation.slope || activation.plain));
  }
}

// In float too: second derivatives are compared with each other, not with differences.
TEST_CASE("networks as one operation have the second derivatives of their layers") {
  Rng rng(20);
  const Activation activation =
      GENERATE(from_range(std::begin(kActivations), std::end(kActivations)));
  const Index count = GENERATE(1, 2);
  CAPTURE(activation.name, count);
  std::vector<Mlp> networks;
  for (Index k = 0; k < count; ++k)
    networks.emplace_back(std::vector<Index>{2, 5, 5, 3}, rng, activation);
  Parameters parameters;
  for (Mlp& network : networks)
    for (const auto& [name, parameter] : gradflow::parameters(network))
      parameters.push_back({fmt::format("{}.{}", parameters.size(), name), parameter});
  const Tensor x = rng.normal({6, 2}), weights = rng.normal({6, 3 * count});
  const Weights numbers(parameters);
  const auto second = [&](const auto& joined) {
    Tape tape(numbers);
    const Var v = tape.variable(x);
    const Gradients first = tape.backward(sum(weights * square(joined(v, networks))), Record::yes);
    Var total = sum(square(first[v]));
    for (const auto& [name, parameter] : parameters) total = total + sum(square(first[*parameter]));
    const Gradients gradients = tape.backward(total);
    std::vector<Tensor> all{gradients[v].value()};
    for (const auto& [name, parameter] : parameters) all.push_back(gradients[*parameter].value());
    return all;
  };
  const auto fused = second(interleaved), composed = second(composed_interleaved);
  for (std::size_t k = 0; k < fused.size(); ++k) {
    CAPTURE(k);
    CHECK(difference(fused[k], reference(composed[k]), 200, 10) == "");
    CHECK(sum_of(fused[k], 2) > 0);
  }
}

TEST_CASE("an Mlp that changes before its gradient is asked for") {
  Rng rng(21);
  Mlp mlp({1, 4, 1}, rng);
  const Tensor x = rng.normal({5, 1});
  const Weights weights(parameters(mlp));
  Tape tape(weights);
  const Var loss = mean(square(mlp(x)));
  const Tensor before = tape.backward(loss)[mlp.layers[0].W].value();
  randomize(parameters(mlp), 1, 22);
  CHECK(difference(tape.backward(loss)[mlp.layers[0].W].value(), before) == "");
}

TEST_CASE("every number of every layer moves under Adam") {
  struct Everything {
    Linear linear;
    Mlp mlp;
    Embedding embedding;
    void visit(const Visitor& visit) {
      visit("linear", linear);
      visit("mlp", mlp);
      visit("embedding", embedding);
    }
  };
  Rng rng(15);
  Everything model{Linear(2, 3, rng), Mlp({3, 8, 8, 3}, rng), Embedding(4, 3, rng)};
  const Tensor x = rng.normal({4, 2});
  const auto loss = [&] {
    return sum(square(model.mlp(model.linear(x)) + model.embedding({0, 1, 2, 3})));
  };
  CHECK(without_gradient(parameters(model), loss) == "");
  const NamedTensors before = tensors(parameters(model));
  Weights weights(parameters(model));
  Adam adam(weights);
  Tape tape(weights);
  adam.step(tape.backward(loss()));
  for (const auto& [name, parameter] : parameters(model)) {
    const auto old = before.at(name).values(), now = parameter->value().values();
    Index moved = 0;
    for (std::size_t i = 0; i < old.size(); ++i) moved += old[i] != now[i];
    CAPTURE(name);
    CHECK(moved == parameter->value().size());
  }
}

TEST_CASE("a copy of a model is a snapshot") {
  Rng rng(16);
  Mlp model({2, 4, 1}, rng);
  const Tensor x = rng.normal({8, 2});
  Mlp best = model;
  const std::string before = bits(model);

  Weights weights(parameters(model));
  Adam adam(weights);
  Tape tape(weights);
  adam.step(tape.backward(mean(square(model(x) - real(1)))));
  CHECK(bits(model) != before);
  CHECK(bits(best) == before);

  model = best;  // back to the snapshot; the parameters keep their places, so Adam may go on
  CHECK(bits(model) == before);
  adam.step(ones(Shape{count(model)}));
  CHECK(bits(model) != before);
  CHECK(bits(best) == before);
}

// Two modules, of which a loss may use one.
struct Pair {
  Linear unused, used;
  void visit(const Visitor& visit) {
    visit("unused", unused);
    visit("used", used);
  }
};

TEST_CASE("flat() lines up all gradients, zeros where nothing flowed") {
  Rng rng(17);
  Pair pair{Linear(1, 2, rng), Linear(2, 1, rng)};
  const Weights weights(parameters(pair));
  Tape tape(weights);
  const Gradients gradients = tape.backward(sum(pair.used(Tensor({{3, 5}, {4, 6}}))));
  CHECK(difference(gradients.flat(), Tensor(Shape{7}, {0, 0, 0, 0, 7, 11, 2})) == "");
}

TEST_CASE("flat() adds up what flows into a parameter that is used more than once") {
  Parameter w{ones({2})}, v{ones({1})};
  Rng rng(23);
  Mlp mlp({1, 2, 1}, rng);
  Parameters list{{"w", &w}, {"v", &v}};
  for (const auto& entry : parameters(mlp)) list.push_back(entry);
  const Weights weights(list);
  const Tensor x = rng.normal({3, 1});
  Tape tape(weights);
  const Var uses = sum(2 * Var(w) + 3 * Var(w)) + sum(mlp(x));
  // The network as a whole, again, and layer by layer.
  const Tensor once = tape.backward(uses).flat();
  const Tensor thrice = tape.backward(uses + sum(mlp(x)) + sum(mlp.composed(x))).flat();
  CHECK(difference(once.rows(0, 3), Tensor(Shape{3}, {5, 5, 0})) == "");
  for (Index i = 3; i < once.size(); ++i)
    CHECK(close(thrice.data()[i], 3 * double{once.data()[i]}, 12, 1));
}

TEST_CASE("values and assign carry parameters from one model to another") {
  Rng rng(18);
  Mlp from({2, 4, 1}, rng), to({2, 4, 1}, rng);
  assign(parameters(to), tensors(parameters(from)));
  CHECK(bits(to) == bits(from));

  NamedTensors wrong = tensors(parameters(from));
  wrong["0.weight"] = zeros({4, 2});
  wrong["1.bias"] = zeros({2});
  const std::string before = bits(to);
  CHECK(message_of<ShapeError>([&] { assign(parameters(to), wrong); }) ==
        "assign: (2) given for parameter \"1.bias\"; (1) is required");
  CHECK(bits(to) == before);  // all or nothing
  wrong.erase("1.bias");
  CHECK(message_of<ShapeError>([&] { assign(parameters(to), wrong); }) ==
        "assign: no value for parameter \"1.bias\" given");
}

TEST_CASE("sizes, inputs and labels that make no sense are refused") {
  Rng rng(19);
  CHECK(message_of<ShapeError>([&] { Linear(0, 2, rng); }) ==
        "Linear: 0 inputs and 2 outputs given; at least 1 of each");
  CHECK_THROWS_AS(Linear(2, 0, rng), ShapeError);
  CHECK_THROWS_AS(Linear(-1, 2, rng), ShapeError);
  CHECK(message_of<ShapeError>([&] { Mlp({3}, rng); }) ==
        "Mlp: 1 sizes given; at least an input's and an output's");
  CHECK_THROWS_AS(Mlp(std::vector<Index>{}, rng), ShapeError);
  CHECK_THROWS_AS(Mlp({2, 0, 1}, rng), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          residual_network({2, 4, 1}, -1, rng);
        }) == "residual_network: -1 blocks given; 0 or more");
  CHECK(message_of<ShapeError>([&] {
          residual_network({2, 1}, 3, rng);
        }) ==
        "residual_network: 3 blocks and no hidden layer given; at least one, for blocks to add to");
  CHECK(message_of<ShapeError>([&] { Embedding(0, 2, rng); }) ==
        "Embedding: 0 classes of 2 numbers given; at least 1 of each");

  const Linear linear(2, 3, rng);
  CHECK_THROWS_AS(linear(ones({5, 3})), ShapeError);
  CHECK_THROWS_AS(linear(ones({2})), ShapeError);
  const Mlp mlp({2, 4, 4, 1}, rng);
  CHECK_THROWS_AS(mlp(ones({5, 3})), ShapeError);
  CHECK_THROWS_AS(mlp(ones({2})), ShapeError);
  const Embedding embedding(5, 2, rng);
  CHECK_THROWS_AS(embedding({0, 5}), ShapeError);
  CHECK_THROWS_AS(embedding({-1}), ShapeError);
}

TEST_CASE("a network that was moved away says so, whatever is asked of it") {
  Rng rng(3);
  for (const auto& sizes : {std::vector<Index>{2, 1}, {2, 4, 1}, {2, 4, 4, 4, 1}}) {
    Mlp network(sizes, rng);
    const Mlp taken = std::move(network);
    const auto refused = [](const auto& f) {
      CHECK(message_of<GraphError>(f) ==
            "Mlp: one that has been moved away given; hint: use the model that it was moved to");
    };
    refused([&] { network.in(); });
    refused([&] { network.out(); });
    refused([&] { network(ones({3, 2})); });
    refused([&] { network.composed(ones({3, 2})); });
    refused([&] { network.zero_last_layer(); });
    refused([&] { count(network); });
    CHECK(taken(ones({3, 2})).shape() == Shape{3, 1});
    network = taken;
    CHECK(difference(network(ones({3, 2})).value(), taken(ones({3, 2})).value()) == "");
  }
  for (const auto& join : {interleaved, composed_interleaved})
    CHECK(message_of<ShapeError>([&] {
            join(ones({3, 2}), {});
          }) == "interleaved: no networks given; at least 1");
}

}  // namespace
}  // namespace gradflow
