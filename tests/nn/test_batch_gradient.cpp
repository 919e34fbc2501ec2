// The gradient of a batch: that of the mean loss, whatever it is cut into and however many threads
// compute it; with respect to what it was told, wherever the model is.

#include "nn/batch_gradient.h"

#include <numeric>

#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// A network and a table of vectors, as a class-conditional model has them.
struct Conditional {
  explicit Conditional(Rng& rng) : classes(3, 2, rng), network({4, 5, 2}, rng) {}
  Var operator()(const Data& batch) const {
    return network(concat({batch.points, classes(batch.labels)}, 1));
  }
  void visit(const Visitor& visit) {
    visit("classes", classes);
    visit("network", network);
  }
  Embedding classes;
  Mlp network;
};

Data some_data(Index n) {
  Rng rng(1);
  return {rng.normal({n, 2}), rng.integers(3, n)};
}

std::vector<Index> all_rows(const Data& data) {
  std::vector<Index> rows(static_cast<std::size_t>(data.size()));
  std::iota(rows.begin(), rows.end(), Index{0});
  return rows;
}

Loss loss_of(const Conditional& model) {
  return [&model](const Data& batch, Rng&) { return mean(square(model(batch) - batch.points)); };
}

TEST_CASE("a batch's gradient is that of its mean loss, however it is cut") {
  Rng rng(2);
  Conditional model(rng);
  Weights weights(parameters(model));
  for (const Index n : {1, 2, 5, 64, 131})
    for (const Index shards : {1, 2, 3, 4, 200}) {
      CAPTURE(n, shards);
      const Data data = some_data(n);
      const std::vector<Index> rows = all_rows(data);
      BatchGradient gradient(loss_of(model), weights, shards);
      const double loss = gradient.compute(data, rows, Rng(3));
      Tape tape(weights);
      const Var whole = mean(square(model(data) - data.points));
      const Tensor expected = tape.backward(whole).flat();
      CHECK(close(real(loss), whole.item(), 40));
      CHECK(difference(gradient.gradient(), reference(expected), 40, 1) == "");
      CHECK(close(real(gradient.norm()), global_norm(gradient.gradient()), 4));
    }
}

TEST_CASE("any number of threads gives the same bits, large models too") {
  Rng rng(4);
  Mlp model({2, 150, 150, 2}, rng);  // more numbers than one part of a shared loop has
  Weights weights(parameters(model));
  const Data data = some_data(64);
  const auto bits_with = [&](int threads) {
    const WithThreads with(threads);
    BatchGradient gradient(
        [&](const Data& batch, Rng& r) {
          return mean(square(model(batch.points) - r.normal(batch.points.shape())));
        },
        weights, 4);
    double loss = 0;
    with_team(4, [&] { loss = gradient.compute(data, all_rows(data), Rng(5)); });
    return fmt::format("{} {} {}", hash_tensors({{"", gradient.gradient()}}), gradient.norm(),
                       loss);
  };
  const std::string one = bits_with(1);
  for (const int threads : {2, 3, 4}) CHECK(bits_with(threads) == one);
}

TEST_CASE("each shard has random numbers of its own") {
  Rng rng(6);
  Conditional model(rng);
  Weights weights(parameters(model));
  std::vector<real> drawn(2);
  BatchGradient gradient(
      [&](const Data& batch, Rng& r) {
        drawn[batch.labels.front() == 0 ? 0 : 1] = r.uniform({1}).item();
        return mean(model(batch));
      },
      weights, 2);
  gradient.compute({ones({2, 2}), {0, 1}}, std::vector<Index>{0, 1}, Rng(7));
  CHECK(drawn[0] != drawn[1]);
  CHECK(drawn[0] != 0);
}

TEST_CASE("a model that moves after its optimiser was made is trained, all of it") {
  Rng rng(8);
  Conditional made(rng);
  Weights weights(parameters(made));
  Adam adam(weights);
  std::vector<Conditional> models;
  models.push_back(std::move(made));
  for (int more = 0; more < 3; ++more) models.emplace_back(rng);  // the first one moves again
  Conditional& model = models.front();
  const NamedTensors before = tensors(model);
  const Data data = some_data(32);
  BatchGradient gradient(loss_of(model), weights, 2);
  gradient.compute(data, all_rows(data), Rng(9));
  adam.step(gradient.gradient());
  for (const auto& [name, x] : tensors(model)) {
    CAPTURE(name);
    for (Index i = 0; i < x.size(); ++i) CHECK(x.data()[i] != before.at(name).data()[i]);
  }
}

TEST_CASE("what is not among the weights stays as it is") {
  Rng rng(10);
  Conditional model(rng);
  Weights only_classes(parameters(model.classes));
  Adam adam(only_classes);
  const std::string frozen = bits(model.network), trained = bits(model.classes);
  const Data data = some_data(32);
  BatchGradient gradient(loss_of(model), only_classes, 2);
  gradient.compute(data, all_rows(data), Rng(11));
  CHECK(gradient.gradient().shape() == Shape{6});
  Tape tape(only_classes);
  const Var composed = mean(square(
      model.network.composed(concat({data.points, model.classes(data.labels)}, 1)) - data.points));
  CHECK(difference(gradient.gradient(), reference(tape.backward(composed).flat()), 40, 1) == "");
  adam.step(gradient.gradient());
  CHECK(bits(model.network) == frozen);
  CHECK(bits(model.classes) != trained);
}

TEST_CASE("a part of a network's layers may be trained") {
  Rng rng(12);
  Mlp model({2, 4, 4, 1}, rng);
  const Tensor x = rng.normal({7, 2});
  for (const std::size_t layer : {0u, 1u, 2u}) {
    const Weights weights(parameters(model.layers[layer]));
    Tape tape(weights);
    const Tensor ours = tape.backward(sum(square(model(x)))).flat();
    const Tensor composed = tape.backward(sum(square(model.composed(x)))).flat();
    CHECK(difference(ours, reference(composed), 40, 1) == "");
    CHECK(global_norm(ours) > 0);
  }
}

TEST_CASE("batches that make no sense are refused") {
  Rng rng(13);
  Conditional model(rng), other(rng);
  Weights weights(parameters(model));
  const Data data = some_data(4);
  CHECK(message_of<ShapeError>([&] { BatchGradient(loss_of(model), weights, 0); }) ==
        "BatchGradient: 0 shards given; at least 1");
  BatchGradient gradient(loss_of(model), weights, 2), of_another(loss_of(other), weights, 2);
  CHECK(message_of<ShapeError>([&] { gradient.compute(data, {}, Rng(1)); }) ==
        "BatchGradient: 0 rows given; at least 1");
  CHECK(message_of<GraphError>([&] { of_another.compute(data, all_rows(data), Rng(1)); }) ==
        "BatchGradient: a loss that depends on none of the weights given; hint: are they the "
        "parameters of this model?");
  const Data wrong{data.points, {0, 1, 2, 3}};
  CHECK(message_of<ShapeError>([&] { gradient.compute(wrong, all_rows(data), Rng(1)); }) ==
        "Embedding: label 3 given; labels are 0 to 2");
  for (const Index row : {-1, 4, 7})
    for (const Data& of : {data, Data{data.points, {}}}) {
      const auto what = fmt::format("Data::rows: index {} given; indices are 0 to 3", row);
      CHECK(message_of<ShapeError>([&] { of.rows({0, row}); }) == what);
      CHECK(message_of<ShapeError>([&] { gradient.compute(of, {&row, 1}, Rng(1)); }) == what);
    }
  CHECK(message_of<ShapeError>([] {
          Data{zeros({0, 2})}.rows({0, 0});
        }) == "Data::rows: 2 indices given for an axis of size 0; none are possible");
}

TEST_CASE("the first number that is not finite is traced to its operation and parameter") {
  Rng rng(14);
  Conditional model(rng);
  Weights weights(parameters(model));
  const Data data = some_data(4);
  BatchGradient gradient(loss_of(model), weights, 2);
  Data broken = data;
  broken.points.mutable_data()[4] = std::numeric_limits<real>::quiet_NaN();
  CHECK(message_of<NonFiniteError>([&] { gradient.compute(broken, all_rows(data), Rng(1)); }) ==
        "the loss is not finite (loss nan): row 2 of the data is not finite");
  model.network.layers[1].b = Tensor(Shape{2}, std::numeric_limits<real>::max());
  // (Of weight and bias, the compiler chooses which comes last.)
  CHECK(contains(
      message_of<NonFiniteError>([&] { gradient.compute(data, all_rows(data), Rng(1)); }),
      "the loss is not finite (loss inf): the result of square is not finite, at parameter "
      "network.1."));
}

}  // namespace
}  // namespace gradflow
