// gradflow against PyTorch: 200 steps of training for each of the three models, from the same
// initial weights and with the same batches, noise and times; and PyTorch's weights, loaded here.
//
// How near can two programs stay for 200 steps? Rounding errors are fed back at each step, and a
// point that falls on the other side of a leaky ReLU's kink, or a gradient near 0, which Adam
// scales up, makes them jump. So there is no honest number of roundings to derive; but there is a
// yardstick: PyTorch itself in float32 against PyTorch in float64. The golden file has how far
// apart these two were, at each step, at most, in eight runs that took the points of each batch in
// different orders (the same mathematics, other roundings). A program in float32 may be off by four
// times that, as the vector library's exp and tanh are right to four roundings and PyTorch's to
// one; a program in double, by 2^29 times less, as its roundings are finer by that factor. Nothing
// in it may be off by more than 1e-10.

#include "autograd/ops.h"
#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"
#include "nn/optimizer.h"
#include "tests/catch.h"
#include "tests/oracle/golden.h"

namespace gradflow {
namespace {

constexpr Index kEpochs = 10, kStepsPerEpoch = 20;
constexpr double kRate = 1e-3, kLongestGradient = 1;
constexpr double kYardsticks = 4;  // how many of them a result may be off

// The yardstick in the precision of this build.
double in_this_precision(double float32_error) {
  return float32_error * double{std::numeric_limits<real>::epsilon()} /
         double{std::numeric_limits<float>::epsilon()};
}

struct Golden {
  explicit Golden(std::string model) : name(std::move(model)) {}

  const Tensor& entry(const std::string& key) const { return rows.at(name).at(key); }
  Tensor batch(const std::string& key, Index step) const {
    const Tensor all = entry(key);  // (steps, batch) or (steps, batch, n)
    const Tensor one = all.rows(step, step + 1);
    return one.reshaped(one.shape().without(0));
  }
  NamedTensors weights() const {
    return load_tensors(GRADFLOW_ORACLE_DIRECTORY "/" + name + ".safetensors").tensors;
  }

  std::string name;
  std::map<std::string, Row> rows = golden("training");
};

// The whole training loop; returns the loss at each step. loss_at(step) is on the tape.
template <class LossAt>
std::vector<double> train_by_hand(const Parameters& parameters, const LossAt& loss_at) {
  Weights weights(parameters);
  Adam adam(weights);
  const Schedule schedule = cosine_schedule(kRate, kEpochs);
  std::vector<double> losses;
  for (Index step = 0; step < kEpochs * kStepsPerEpoch; ++step) {
    Tape tape(weights);
    const Var loss = loss_at(step);
    Tensor gradient = tape.backward(loss).flat();
    clip_norm(gradient, kLongestGradient);
    adam.learning_rate = schedule(step / kStepsPerEpoch);
    adam.step(gradient);
    losses.push_back(double{loss.item()});
  }
  return losses;
}

template <class LossAt>
void check_training(const Golden& golden, const Parameters& parameters, const LossAt& loss_at) {
  assign(parameters, golden.rows.at(golden.name + "/initial"));
  const std::vector<double> losses = train_by_hand(parameters, loss_at);

  const Tensor &expected = golden.entry("loss"), &errors = golden.entry("float32 loss error");
  REQUIRE(std::ssize(losses) == expected.size());
  double worst_loss = 0;  // in yardsticks
  for (std::size_t step = 0; step < losses.size(); ++step) {
    const double unit = in_this_precision(double{errors.values()[step]});
    const double off = std::abs(losses[step] - double{expected.values()[step]});
    worst_loss = std::max(worst_loss, off / unit);
    CAPTURE(golden.name, step, losses[step], expected.values()[step]);
    CHECK(off <= kYardsticks * unit);
  }

  const double unit = in_this_precision(double{golden.entry("float32 weight error").item()});
  const NamedTensors theirs = golden.weights();
  double worst_weight = 0;
  for (const auto& [name, parameter] : parameters) {
    const Tensor& trained = theirs.at(name);
    for (Index i = 0; i < trained.size(); ++i)
      worst_weight = std::max(
          worst_weight, std::abs(double{parameter->value().data()[i]} - double{trained.data()[i]}));
  }
  CAPTURE(golden.name, worst_weight, unit);
  CHECK(worst_weight <= kYardsticks * unit);
  if (sizeof(real) == 8) CHECK(kYardsticks * unit < 1e-10);

  fmt::print(
      "oracle: {}: 200 steps, loss {:.4f} to {:.4f}; losses off by {:.2g} yardsticks at most, {:g} "
      "allowed (the yardstick grows from {:.1e} to {:.1e}); weights by {:.1e}, {:.1e} allowed\n",
      golden.name, losses.front(), losses.back(), worst_loss, kYardsticks,
      in_this_precision(double{errors.values().front()}),
      in_this_precision(double{errors.values().back()}), worst_weight, kYardsticks * unit);
}

// What the models make of PyTorch's weights. Each is a chain of sums of products, compared on the
// scale of its largest number.
void compare(Agreement& agreement, const Tensor& x, const Tensor& expected,
             const std::string& where) {
  agreement.check(x, expected, std::max(1.0, largest(expected)), where);
}

TEST_CASE("oracle: a normalizing flow trains as in PyTorch, step by step") {
  const Golden golden("normalizing_flow");
  Rng rng(1);  // what it draws is overwritten
  Flow flow = real_nvp(2, {}, rng);
  check_training(golden, parameters(flow),
                 [&](Index step) { return -mean(flow.log_prob(golden.batch("points", step))); });
}

TEST_CASE("oracle: flow matching trains as in PyTorch, step by step") {
  for (const bool by_class : {false, true}) {
    const Golden golden(by_class ? "conditional_flow_matching" : "flow_matching");
    Rng rng(1);
    FlowMatching model(2, {.classes = by_class ? 5 : 0}, rng);
    check_training(golden, parameters(model), [&](Index step) {
      const Var y_1 = golden.batch("points", step), y_0 = golden.batch("noise", step),
                t = golden.batch("t", step);
      const auto labels = by_class ? integers(golden.batch("labels", step)) : std::vector<Index>{};
      return mean(square(model.velocity((1 - t) * y_0 + t * y_1, t, labels) - (y_1 - y_0)));
    });
  }
}

TEST_CASE("oracle: weights saved by PyTorch give the same log_prob, velocities and samples") {
  Agreement agreement("PyTorch's weights, loaded", 32);
  Rng rng(1);
  {
    const Golden golden("normalizing_flow");
    const Tensor& x = golden.rows.at("").at("points");
    Flow flow = real_nvp(2, {.permuting = Permuting::random}, rng);
    load(flow, golden.weights());
    const auto parts = flow.log_prob_parts(x);
    compare(agreement, parts.prior.value(), golden.entry("log_prior"), "log_prior");
    compare(agreement, parts.log_det.value(), golden.entry("log_det"), "log_det");
    compare(agreement, flow.bijection->to_latent(x).points.value(), golden.entry("z"), "to_latent");
    compare(agreement, flow.bijection->to_data(x).points.value(), golden.entry("samples"),
            "to_data");
  }
  for (const bool by_class : {false, true}) {
    const Golden golden(by_class ? "conditional_flow_matching" : "flow_matching");
    const Row& given = golden.rows.at("");
    const Tensor& y = given.at("points");
    const auto labels = by_class ? integers(given.at("labels")) : std::vector<Index>{};
    FlowMatching model(2, {.classes = by_class ? 5 : 0}, rng);
    load(model, golden.weights());
    const auto velocity = model.velocity(y, given.at("t"), labels);
    compare(agreement, velocity.value(), golden.entry("velocity"), golden.name + ": velocity");
    compare(agreement, model.carry(y, {0, 1}, labels, euler, {20}), golden.entry("samples"),
            golden.name + ": Euler to the data");
    compare(agreement, model.carry(y, {1, 0}, labels, euler, {20}), golden.entry("z"),
            golden.name + ": Euler to the noise");
  }
}

}  // namespace
}  // namespace gradflow
