// Flow matching: the path it learns from, its loss and labels, how it carries points; and the one
// case with a formula, from a Gaussian to a Gaussian, learned.

#include "flows/matching/flow_matching.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/batch_gradient.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/model.h"

namespace gradflow {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const Tensor& x) {
  const double n = double(x.size());
  Moments m;
  for (const real value : x.values()) m.mean += value / n;
  for (const real value : x.values()) m.variance += (value - m.mean) * (value - m.mean) / n;
  return m;
}

// A model whose velocity is the same everywhere.
FlowMatching constant_field(const std::vector<real>& velocity) {
  Rng rng(1);
  FlowMatching model(std::ssize(velocity), {.hidden = {4}}, rng);
  model.network.network.zero_last_layer();
  model.network.network.layers.back().b = Tensor(Shape{model.dim()}, velocity);
  return model;
}

std::vector<Index> cycled_labels(Index n, Index classes) {
  std::vector<Index> labels;
  for (Index i = 0; i < n; ++i) labels.push_back(i % classes);
  return labels;
}

TEST_CASE("the models of the experiments have 12866 and 13556 parameters") {
  Rng rng(2);
  FlowMatching plain(2, {}, rng), conditional(2, {.classes = 5}, rng);
  CHECK(count(plain) == 12866);
  CHECK(count(conditional) == 13556);
  CHECK(parameters(plain).front().name == "network.0.weight");
  CHECK(parameters(conditional).front().name == "classes.weight");
  CHECK(parameters(conditional).back().name == "network.4.bias");
}

// --- the path ---

TEST_CASE("the straight path leads from noise at t = 0 to the data at t = 1, at its velocity") {
  Rng rng(3);
  for (const Index dim : {1, 2, 5}) {
    const Tensor y_0 = rng.normal({40, dim}), y_1 = rng.uniform({40, dim}, 2, 5);
    const auto at = [&](real t) { return straight(y_0, y_1, Tensor({40, 1}, t)); };
    CHECK(difference(at(0).y_t, y_0) == "");
    CHECK(difference(at(1).y_t, reference(y_1), 4, 8) == "");
    CHECK(difference(at(real(0.3)).velocity, (Var(y_1) - y_0).value()) == "");
    const Reference from = reference(y_0), to = reference(y_1);
    const auto expected = reference(y_0.shape(), [&](const Position& p) {
      return from[p] + double{real(0.3)} * (to[p] - from[p]);
    });
    CHECK(difference(at(real(0.3)).y_t, expected, 4, 8) == "");
  }
}

TEST_CASE("late times are 1 - u^power: more of them near the data, and asked of the field") {
  constexpr Index kTimes = 20'000;
  Rng rng(5), same(5);
  CHECK(difference(late_times(1)(100, rng), (1 - Var(uniform_times(100, same))).value()) == "");
  for (const double power : {1.5, 2.0, 4.0}) {
    const Tensor t = late_times(static_cast<real>(power))(kTimes, rng);
    CHECK(t.shape() == Shape{kTimes, 1});
    double late = 0;  // 1 - t < q where u < q^(1 / power)
    for (const real one : t.values()) {
      CHECK((0 <= one && one <= 1));
      late += one > real(0.9);
    }
    const double share = std::pow(0.1, 1 / power);
    CHECK(std::abs(late / kTimes - share) < 4 * std::sqrt(share * (1 - share) / kTimes));
  }
  for (const real power : {real(0.5), kInfinity, kNan})
    CHECK(message_of<ShapeError>([&] { late_times(power); }) ==
          fmt::format("late_times: a power of {} given; it must be finite, and at least 1", power));

  Tensor asked;
  const Field field = [&](const Var& y, const Var& t) {
    asked = t.value();
    return zeros(y.shape());
  };
  const Times noon = [](Index n, Rng&) { return Tensor({n, 1}, real(0.5)); };
  matching_loss(field, {rng.normal({7, 2}), {}}, rng, straight, independent, 0, noon);
  CHECK(difference(asked, Tensor({7, 1}, real(0.5))) == "");
}

TEST_CASE("the loss asks at random places of paths from N(0, 1), at times from U(0, 1)") {
  constexpr Index kPoints = 20'000;
  Rng rng(3);
  const Data data{rng.uniform({kPoints, 2}, 2, 5), {}};
  Tensor y_t, times;
  const Field field = [&](const Var& y, const Var& t) {
    y_t = y.value();
    times = t.value();
    return zeros(y.shape());
  };
  matching_loss(field, data, rng);
  REQUIRE(y_t.shape() == Shape{kPoints, 2});
  REQUIRE(times.shape() == Shape{kPoints, 1});
  // Where a path came from is N(0, 1), independent of the data point and of the time. Near t = 1 it
  // cannot be told from where it is.
  double sum = 0, squares = 0, with_data = 0, with_time = 0, n = 0;
  for (Index i = 0; i < y_t.size(); ++i) {
    const double t = times.data()[i / 2], y_1 = data.points.data()[i];
    if (t > 0.9) continue;
    const double start = (double{y_t.data()[i]} - t * y_1) / (1 - t);
    ++n;
    sum += start;
    squares += start * start;
    with_data += start * (y_1 - 3.5);
    with_time += start * (t - 0.45);
  }
  CHECK(std::abs(sum / n) < 4 / std::sqrt(n));  // four standard errors, here and below
  CHECK(std::abs(squares / n - 1) < 4 * std::sqrt(2 / n));
  CHECK(std::abs(with_data / n) < 4 * std::sqrt(9 / 12.0 / n));
  CHECK(std::abs(with_time / n) < 4 * std::sqrt(0.81 / 12 / n));
  const Moments time = moments(times);
  CHECK(*std::min_element(times.values().begin(), times.values().end()) >= 0);
  CHECK(*std::max_element(times.values().begin(), times.values().end()) < 1);
  CHECK(std::abs(time.mean - 0.5) < 4 * std::sqrt(1 / 12.0 / double(kPoints)));
  CHECK(std::abs(time.variance - 1 / 12.0) < 4 * std::sqrt(1 / 180.0 / double(kPoints)));
}

TEST_CASE("a pairing decides which noise goes where, a path how") {
  Rng rng(4), same(4);
  const Data data{rng.normal({6, 2}), {}};
  same = rng;
  const Tensor y_0 = same.normal({6, 2}), t = same.uniform({6, 1});
  const Pairing reversed = [](const Tensor& noise, const Data& batch, Rng&) {
    CHECK(batch.size() == 6);
    return kernel::gather(noise, {5, 4, 3, 2, 1, 0});
  };
  const Path still = [](const Var&, const Var& y_1, const Var&) {
    return OnPath{y_1, zeros(y_1.shape())};
  };
  const Field itself = [](const Var& y, const Var&) { return y; };
  const Tensor turned = kernel::gather(y_0, {5, 4, 3, 2, 1, 0});
  const auto [y_t, velocity] = straight(turned, data.points, t);
  Rng first = rng, second = rng;
  CHECK(matching_loss(itself, data, first, straight, reversed).item() ==
        mean(square(y_t - velocity)).item());
  CHECK(matching_loss(itself, data, second, still).item() == mean(square(Var(data.points))).item());
}

TEST_CASE("pairs that were made before have the loss of those that are made within it") {
  Rng rng(6);
  const Data data{rng.normal({7, 2}), {0, 1, 0, 1, 0, 1, 0}};
  const Pairing turned = [](const Tensor& noise, const Data&, Rng& r) {
    return kernel::gather(noise, r.permutation(noise.rows()));
  };
  const Field field = [](const Var& y, const Var& t) { return y * t; };
  Rng whole = rng, halves = rng, same = rng;
  const Data pairs = paired(data, halves, turned);
  CHECK(pairs.points.shape() == Shape{7, 4});
  CHECK(pairs.labels == data.labels);
  CHECK(difference(kernel::slice(pairs.points, 1, 2, 4), data.points) == "");
  const Tensor noise = same.normal({7, 2});
  CHECK(difference(kernel::slice(pairs.points, 1, 0, 2),
                   kernel::gather(noise, same.permutation(7))) == "");
  CHECK(pairs_loss(field, pairs, halves, straight, real(0.3), late_times(2)).item() ==
        matching_loss(field, data, whole, straight, turned, real(0.3), late_times(2)).item());
}

// --- the loss ---

TEST_CASE("the loss is the mean squared error of the velocity, per element") {
  // All data at (3, -1): the lines' velocity is that minus the noise, so a constant field c is
  // wrong by 1 + (3 - c0)^2 and 1 + (-1 - c1)^2 in the mean.
  constexpr Index kPoints = 50'000;
  Tensor points({kPoints, 2});
  for (Index i = 0; i < points.size(); ++i) points.mutable_data()[i] = i % 2 ? real(-1) : real(3);
  const auto loss_of = [&](const std::vector<real>& velocity) {
    Rng rng(4);
    return double{constant_field(velocity).loss({points, {}}, rng).item()};
  };
  const double error = 4 / std::sqrt(2.0 * kPoints);  // four standard errors, for a deviation of 1
  CHECK(loss_of({3, -1}) == Approx(1).margin(error * std::sqrt(2.0)));  // the best there is
  CHECK(loss_of({2, -1}) == Approx(1.5).margin(error * std::sqrt(2.0 + 4)));
  CHECK(loss_of({2, 2}) == Approx(1 + 5.0).margin(error * std::sqrt(2.0 + 36)));
}

TEST_CASE("the loss of a field is that of the path with the same random numbers") {
  Rng rng(5);
  const FlowMatching model(2, {.hidden = {16, 16}, .classes = 3}, rng);
  const Data data{rng.normal({7, 2}), cycled_labels(7, 3)};
  Rng again = rng;
  const Var loss = model.loss(data, rng);
  const Tensor y_0 = again.normal({7, 2}), t = again.uniform({7, 1});
  const OnPath path = straight(y_0, data.points, t);
  const Tensor v = model.velocity(path.y_t, t, data.labels).value();
  double expected = 0;
  for (Index i = 0; i < v.size(); ++i)
    expected += std::pow(double{v.data()[i]} - double{path.velocity.value().data()[i]}, 2) / 14;
  CHECK(loss.shape() == Shape{});
  CHECK(close(loss.item(), expected, 20));
  CHECK(model.loss(data, rng).item() != loss.item());  // other noise each time
}

TEST_CASE("the velocity depends on the point, the time and the label") {
  Rng rng(6);
  const FlowMatching model(2, {.hidden = {16, 16}, .classes = 3}, rng);
  const auto at = [&](real y, real t, Index label) {
    return model.velocity(Tensor({{y, 1}}), Tensor({{t}}), {label}).value();
  };
  const Tensor v = at(0, 0, 0);
  CHECK(v.shape() == Shape{1, 2});
  CHECK(difference(at(1, 0, 0), v) != "");
  CHECK(difference(at(0, 1, 0), v) != "");
  CHECK(difference(at(0, 0, 1), v) != "");
  const Field field = model.network.field(model.context(1, {0}));
  CHECK(difference(field(Tensor({{0, 1}}), Tensor({{0}})), v) == "");
}

TEST_CASE("gradients of the loss are right, and reach every parameter") {
  for (const Index classes : {0, 3}) {
    CAPTURE(classes);
    Rng rng(7);
    FlowMatching model(2, {.hidden = {8, 8}, .classes = classes, .class_dim = 4}, rng);
    const Data data{rng.normal({6, 2}), classes ? cycled_labels(6, classes) : std::vector<Index>{}};
    const auto loss = [&] {
      Rng fixed(8);
      return model.loss(data, fixed);
    };
    CHECK(without_gradient(parameters(model), loss) == "");
    CHECK(wrong_gradient(parameters(model), loss) == "");
  }
}

TEST_CASE("labels that do not fit are refused") {
  Rng rng(9);
  const FlowMatching plain(2, {.hidden = {4}}, rng);
  const FlowMatching conditional(2, {.hidden = {4}, .classes = 3}, rng);
  const Tensor y = rng.normal({300, 2});
  const Span span{0, 1};

  const std::string not_wanted =
      "FlowMatching: 2 labels for 2 points given; the model is unconditional and takes none";
  CHECK(message_of<ShapeError>([&] {
          plain.velocity(ones({2, 2}), ones({2, 1}), {0, 1});
        }) == not_wanted);
  CHECK(message_of<ShapeError>([&] { plain.carry(ones({2, 2}), span, {0, 1}); }) == not_wanted);
  CHECK(message_of<ShapeError>([&] {
          conditional.velocity(ones({2, 2}), ones({2, 1}), {0});
        }) == "FlowMatching: 1 labels for 2 points given; one for each point is required");
  CHECK(message_of<ShapeError>([&] {
          conditional.velocity(ones({2, 2}), ones({2, 1}), {0, 3});
        }) == "Embedding: label 3 given; labels are 0 to 2");
  CHECK(message_of<ShapeError>([&] {
          conditional.loss({ones({2, 2}), {0, 7}}, rng);
        }) == "Embedding: label 7 given; labels are 0 to 2");
  CHECK_THROWS_AS(conditional.velocity(ones({2, 2}), ones({2, 1}), {0, -1}), ShapeError);

  // Fewer or more labels than points must not be noticed only by a part of the threads.
  for (const Index labels : {0, 1, 128, 256, 299, 301, 400}) {
    CAPTURE(labels);
    CHECK_THROWS_AS(conditional.carry(y, span, cycled_labels(labels, 3)), ShapeError);
    CHECK_THROWS_AS(conditional.carry_states(y, span, cycled_labels(labels, 3)), ShapeError);
  }
  CHECK_THROWS_AS(plain.carry(y, span, cycled_labels(300, 3)), ShapeError);
  CHECK_THROWS_AS(conditional.sample(5, rng, {2}), ShapeError);
  CHECK_THROWS_AS(plain.sample(Labels{0, 1}, rng, {2}), ShapeError);
  CHECK_THROWS_AS(conditional.loss({y, {}}, rng), ShapeError);

  // The label for "no class" is one that nobody's data may have.
  const FlowMatching guided(2, {.hidden = {4}, .classes = 3, .withheld = 0.5}, rng);
  for (const Index label : {3, 4})
    CHECK(message_of<ShapeError>([&] {
            guided.loss({ones({2, 2}), {0, label}}, rng);
          }) == fmt::format("FlowMatching::loss: label {} given; 0 to 2", label));
  CHECK(guided.sample(Labels(4, guided.no_class()), rng, {2}).rows() == 4);
}

TEST_CASE("points, fields and blurs that the loss of a field cannot have are refused") {
  Rng rng(10);
  const Field doubled = [](const Var& y, const Var&) { return 2 * y; };
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{5}, Shape{2, 3, 2}}) {
    const Data none{ones(shape), {}};
    const std::string what = fmt::format("points {} given; (B, D) are required", shape);
    for (const Pairing& pairing : {Pairing(independent), Pairing(optimal), entropic(1)}) {
      CHECK(message_of<ShapeError>([&] { matching_loss(doubled, none, rng, straight, pairing); }) ==
            "matching_loss: " + what);
      CHECK(message_of<ShapeError>([&] { paired(none, rng, pairing); }) == "paired: " + what);
    }
  }
  for (const Index D : {2, 3}) {
    const Field narrow = [](const Var& y, const Var&) { return sum(y, 1, KeepAxis::yes); };
    CHECK(message_of<ShapeError>([&] {
            matching_loss(narrow, {ones({5, D}), {}}, rng);
          }) == fmt::format("matching_loss: a field of (5, 1) given; (5, {}) is required", D));
  }
  for (const real blur : {real(-1), kInfinity, kNan})
    CHECK(message_of<ShapeError>([&] {
            matching_loss(doubled, {ones({5, 2}), {}}, rng, straight, independent, blur);
          }) ==
          fmt::format("matching_loss: a blur of {} given; it must be finite, and 0 or more", blur));
  CHECK(message_of<ShapeError>([&] { VelocityNetwork(2, {.context = -1}, rng); }) ==
        "VelocityNetwork: a context of -1 numbers given; 0 or more");
  FlowMatching model(2, {.hidden = {4}}, rng);
  const FlowMatching taken = std::move(model);
  CHECK_THROWS_AS(model.sample(3, rng, {2}), GraphError);
  CHECK_THROWS_AS(model.loss({ones({3, 2}), {}}, rng), GraphError);
  CHECK(taken.sample(3, rng, {2}).rows() == 3);
}

TEST_CASE("points that are none are refused, by the name of what was called") {
  Rng rng(9);
  const FlowMatching model(2, {.hidden = {4}}, rng);
  for (const Shape& shape : {Shape{}, Shape{2}, Shape{5}, Shape{3, 3}, Shape{1, 3, 2}}) {
    const Tensor x = ones(shape);
    const auto says = [&](const char* called, auto&& call) {
      CHECK(message_of<ShapeError>(call) ==
            fmt::format("FlowMatching::{}: points {} given; (B, 2) are required", called, shape));
    };
    says("loss", [&] { model.loss({x, {}}, rng); });
    says("velocity", [&] { model.velocity(x, ones({2, 1})); });
    says("carry", [&] { model.carry(x, {0, 1}); });
    says("carry_states", [&] { model.carry_states(x, {0, 1}); });
  }
  CHECK(message_of<ShapeError>([&] {
          model.loss({zeros({0, 2}), {}}, rng);
        }) == "FlowMatching::loss: no points given; at least 1");
  CHECK(message_of<ShapeError>([&] {
          model.velocity(ones({3, 2}), ones({3}));
        }) == "VelocityNetwork: times (3) given; (3, 1) are required");
  for (const Shape& shape : {Shape{2}, Shape{3, 3}})
    CHECK(message_of<ShapeError>([&] {
            model.network(ones(shape), ones({3, 1}));
          }) == fmt::format("VelocityNetwork: points {} given; (B, 2) are required", shape));
  CHECK(message_of<ShapeError>([&] {
          model.network(ones({3, 2}), ones({3, 1}), ones({3, 1}));
        }) == "VelocityNetwork: context (3, 1) given; none is taken");
  CHECK(message_of<ShapeError>([&] { model.sample(-1, rng); }) ==
        "FlowMatching::sample: -1 samples given; 0 or more");
  CHECK(message_of<ShapeError>([&] { FlowMatching(0, {}, rng); }) ==
        "VelocityNetwork: 0 coordinates given; at least 1");
  CHECK_THROWS_AS(FlowMatching(2, {.classes = -1}, rng), ShapeError);
  CHECK_THROWS_AS(FlowMatching(2, {.classes = 3, .class_dim = 0}, rng), ShapeError);
}

TEST_CASE("a model of flow matching may be copied, and moved while it is trained") {
  for (const Index classes : {0, 3}) {
    CAPTURE(classes);
    Rng rng(16);
    FlowMatching model(2, {.hidden = {8}, .classes = classes}, rng);
    const Weights weights(parameters(model));
    const FlowMatching copy = model;
    std::vector<FlowMatching> moved;
    moved.push_back(std::move(model));
    const Data data{rng.normal({5, 2}), classes ? cycled_labels(5, classes) : Labels{}};
    const std::string before = bits(copy);
    {
      Tape tape(weights);
      const Gradients gradients = tape.backward(moved[0].loss(data, rng));
      for (const auto& [name, parameter] : parameters(moved[0]))
        CHECK(sum(square(gradients[*parameter])).item() > 0);
    }
    randomize(parameters(moved[0]), 1, 2);
    CHECK(bits(copy) == before);
    CHECK(bits(moved[0]) != before);
  }
}

// --- carrying points ---

TEST_CASE("carrying and sampling record nothing") {
  Rng rng(1);
  FlowMatching model(2, {.hidden = {8}, .classes = 2}, rng);
  const Weights weights(parameters(model));
  const Tensor before = model.carry(ones({300, 2}), {0, 1}, cycled_labels(300, 2), euler, {3});
  Tape tape(weights);
  CHECK(difference(model.carry(ones({300, 2}), {0, 1}, cycled_labels(300, 2), euler, {3}),
                   before) == "");
  model.carry_states(ones({3, 2}), {0, 1}, {0, 1, 1}, runge_kutta4, {2});
  model.sample({0, 1}, rng, {2});
  CHECK(tape.size() == 0);
  CHECK(model.velocity(ones({1, 2}), ones({1, 1}), {0}).tracked());
}

TEST_CASE("points in a constant field move by its velocity, and back") {
  const FlowMatching model = constant_field({2, -0.5});
  const Tensor start({{0, 0}, {1, 3}});
  const Tensor end({{2, -0.5}, {3, 2.5}});
  CHECK(difference(model.carry(start, {0, 1}, {}, euler, {4}), end) == "");
  CHECK(difference(model.carry(end, {1, 0}, {}, euler, {4}), start) == "");
  CHECK(difference(model.carry(start, {0, 0.5}, {}, euler, {4}), Tensor({{1, -0.25}, {2, 2.75}})) ==
        "");
}

TEST_CASE("carrying is integrating, whatever the number of points, of threads and of labels") {
  Rng rng(10);
  const FlowMatching plain(2, {.hidden = {16, 16}}, rng);
  const FlowMatching conditional(2, {.hidden = {16, 16}, .classes = 5}, rng);
  const Span span{0, 1}, back{1, 0};
  for (const Index n : {1, 127, 128, 129, 400}) {
    CAPTURE(n);
    const Tensor y = rng.normal({n, 2});
    for (const FlowMatching* model : {&plain, &conditional}) {
      const std::vector<Index> labels = model->classes ? cycled_labels(n, 5) : std::vector<Index>{};
      for (const Tableau* solver : {&euler, &runge_kutta4}) {
        std::vector<Tensor> results;
        for (const int count : {1, 2, 3, 4}) {
          const WithThreads of(count);
          results.push_back(model->carry(y, span, labels, *solver, {5}));
        }
        for (const Tensor& result : results) CHECK(difference(result, results[0]) == "");
        // Products of another size may add in another order: some roundings in each step.
        const Field field = model->network.field(model->context(n, labels));
        const Tensor plainly = integrate(field, y, span, *solver, {5}).value();
        CHECK(difference(results[0], reference(plainly), 100, 4) == "");
      }
      const auto states = model->carry_states(y, back, labels, euler_right_end, {5});
      REQUIRE(states.size() == 6);
      CHECK(difference(states.front(), y) == "");
      CHECK(difference(model->carry(y, back, labels, euler_right_end, {5}),
                       reference(states.back()), 100, 4) == "");
    }
  }
  CHECK(plain.carry(zeros({0, 2}), span).shape() == Shape{0, 2});
  CHECK_THROWS_AS(plain.carry(ones({3, 2}), {0, 1}, {}, euler, {0}), ShapeError);
}

TEST_CASE("samples depend on the generator alone") {
  Rng rng(11);
  const FlowMatching plain(2, {.hidden = {8}}, rng);
  const FlowMatching conditional(2, {.hidden = {8}, .classes = 5}, rng);
  Rng first(12), same(12), other(13);
  const Tensor samples = plain.sample(200, first, {3});
  CHECK(samples.shape() == Shape{200, 2});
  CHECK(difference(plain.sample(200, same, {3}), samples) == "");
  CHECK(difference(plain.sample(200, other, {3}), samples) != "");
  CHECK(conditional.sample({0, 4, 4}, rng, {3}).shape() == Shape{3, 2});
}

// --- from a Gaussian to a Gaussian ---

// For data N(mu, s^2) the place y_t is Gaussian, and so the mean velocity there has a formula:
//   v(y, t) = mu + (t s^2 - (1 - t)) / ((1 - t)^2 + t^2 s^2) (y - t mu)
constexpr double kMu = 1, kDeviation = 0.5;

double variance_at(double t) { return (1 - t) * (1 - t) + t * t * kDeviation * kDeviation; }

double exact_velocity(double y, double t) {
  return kMu + (t * kDeviation * kDeviation - (1 - t)) / variance_at(t) * (y - t * kMu);
}

TEST_CASE("the formula for Gaussians carries noise to data") {
  const Field exact = [](const Var& y, const Var& t) {
    const auto v = [](real place, real time) { return real(exact_velocity(place, time)); };
    return kernel::map("exact", y.value(), t.value(), v);
  };
  // y_1 = mu + s y_0: the map between Gaussians that keeps their order.
  const Tensor end =
      integrate(exact, Tensor({{-2}, {0}, {1}}), {0, 1}, runge_kutta4, {100}).value();
  CHECK(end.at({0, 0}) == Approx(kMu - 2 * kDeviation).margin(1e-4));
  CHECK(end.at({1, 0}) == Approx(kMu).margin(1e-4));
  CHECK(end.at({2, 0}) == Approx(kMu + kDeviation).margin(1e-4));
}

// The mean losses of the first and the last of some epochs of training, in batches of 100.
std::pair<double, double> trained(FlowMatching& model, const Data& data, Index epochs) {
  const WithThreads one(1);
  Weights weights(parameters(model));
  const Loss loss = [&](const Data& batch, Rng& noise) { return model.loss(batch, noise); };
  BatchGradient gradient(loss, weights, 1);
  Adam adam(weights, {.learning_rate = 0.005});
  const Schedule rate = cosine_schedule(0.005, epochs);
  Rng rng(0);
  std::vector<double> means;
  for (Index epoch = 0; epoch < epochs; ++epoch) {
    adam.learning_rate = rate(epoch);
    const std::vector<Index> order = rng.permutation(data.size());
    means.push_back(0);
    for (Index begin = 0; begin < data.size(); begin += 100) {
      const std::span<const Index> rows(order.data() + begin, 100);
      means.back() += gradient.compute(data, rows, rng.fork(std::uint64_t(epoch * 1000 + begin))) *
                      100 / double(data.size());
      adam.step(gradient.gradient(), clip_factor(gradient.norm(), 1));
    }
  }
  return {means.front(), means.back()};
}

TEST_CASE("flow matching learns the velocity between two Gaussians") {
  Rng rng(14);
  FlowMatching model(1, {.hidden = {32, 32}}, rng);
  const Tensor points = (kMu + kDeviation * rng.normal({10'000, 1})).value();
  const auto [first, last] = trained(model, {points, {}}, 15);

  // The error, weighted with the density of y_t, over all times: of velocities of size 1. It is
  // what is left of the loss above its floor, and 1500 steps bring it to about 0.03.
  double squares = 0, weights = 0;
  for (int i = 0; i < 20; ++i)
    for (int j = -10; j <= 10; ++j) {
      const double t = (i + 0.5) / 20, q = j / 4.0;
      const double y = t * kMu + q * std::sqrt(variance_at(t)), weight = std::exp(-q * q / 2);
      const Tensor v = model.velocity(Tensor({{real(y)}}), Tensor({{real(t)}})).value();
      squares += weight * std::pow(v.item() - exact_velocity(y, t), 2);
      weights += weight;
    }
  CHECK(std::sqrt(squares / weights) < 0.08);

  // Samples have the data's mean and deviation.
  const Moments samples = moments(model.sample(10'000, rng, {100}));
  CHECK(samples.mean == Approx(kMu).margin(0.06));
  CHECK(std::sqrt(samples.variance) == Approx(kDeviation).margin(0.06));
  CHECK(last < first);
}

TEST_CASE("conditional flow matching learns which class is where") {
  Rng rng(15);
  FlowMatching model(1, {.hidden = {32, 32}, .classes = 3, .class_dim = 4}, rng);
  const std::vector<Index> labels = cycled_labels(6000, 3);
  Tensor points = (real(0.3) * rng.normal({6000, 1})).value();
  for (Index i = 0; i < 6000; ++i) points.mutable_data()[i] += real(2 * (i % 3) - 2);  // -2, 0, 2
  trained(model, {points, labels}, 10);
  for (Index label = 0; label < 3; ++label) {
    CAPTURE(label);
    const Moments own = moments(model.sample(Labels(1000, label), rng, {50}));
    CHECK(own.mean == Approx(double(2 * label - 2)).margin(0.15));
    CHECK(std::sqrt(own.variance) == Approx(0.3).margin(0.15));
  }
}

}  // namespace
}  // namespace gradflow
