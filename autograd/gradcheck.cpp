#include "autograd/gradcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "autograd/ops.h"
#include "tensor/map.h"
#include "tensor/random.h"

namespace gradflow {
namespace {

// sum(w y) with fixed random weights w, between 0.5 and 1.5 in size and of either sign.
Var contract(const Var& y, Rng rng) {
  const auto away_from_0 = [](real u) { return u < 0 ? u - real(0.5) : u + real(0.5); };
  return sum(kernel::map("weights", rng.uniform(y.shape(), -1, 1), away_from_0) * y);
}

std::vector<Var> variables(Tape& tape, const std::vector<Tensor>& inputs) {
  std::vector<Var> xs;
  xs.reserve(inputs.size());
  for (const Tensor& input : inputs) xs.push_back(tape.variable(input));
  return xs;
}

// What is differentiated, as a number: on this tape, of these variables of it.
using Objective = std::function<Var(Tape& tape, const std::vector<Var>& xs)>;

// Compares one number of the gradient with the central difference that moving it makes. `move` sets
// the number; `value` computes the objective.
struct Comparison {
  const GradcheckOptions& options;
  GradcheckResult result{};

  template <class Move, class Value>
  void add(const std::string& place, real x, double ours, const Move& move, const Value& value) {
    const double cbrt_eps = std::cbrt(std::numeric_limits<real>::epsilon());
    const auto h = static_cast<real>(cbrt_eps * std::max(1.0, std::abs(static_cast<double>(x))));
    const real above = x + h, below = x - h;  // their rounded distance is used, not 2h
    move(above);
    const double high = value();
    move(below);
    const double low = value();
    move(x);
    const double numeric = (high - low) / (double{above} - double{below});
    const double error = std::abs(ours - numeric) / std::max(1.0, std::abs(numeric));
    if (!(error <= options.tolerance)) result.passed = false;  // a NaN does not pass
    if (!(error <= result.worst) || result.report.empty()) {
      result.worst = error;
      result.report =
          fmt::format("{}: the rule says {:.10g}, the difference {:.10g}", place, ours, numeric);
    }
  }
};

// Compares the gradient of the objective with central differences of it.
GradcheckResult check(const Objective& objective, const std::vector<Tensor>& inputs,
                      Weights& weights, const GradcheckOptions& options) {
  Tape tape(weights);
  const std::vector<Var> xs = variables(tape, inputs);
  const Var y = objective(tape, xs);
  std::optional<Gradients> gradients;  // none if y is a constant: its derivative is 0
  if (y.tracked()) gradients = tape.backward(y);
  std::vector<Tensor> moved = inputs;
  const auto value = [&] {
    Tape inner(weights);
    return static_cast<double>(objective(inner, variables(inner, moved)).item());
  };
  Comparison comparison{options};
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Tensor analytic = gradients ? (*gradients)[xs[k]].value() : zeros(inputs[k].shape());
    for (Index i = 0; i < inputs[k].size(); ++i)
      comparison.add(
          fmt::format("input {} of shape {}, element {}", k, inputs[k].shape(), i),
          inputs[k].data()[i], analytic.data()[i], [&](real x) { moved[k].mutable_data()[i] = x; },
          value);
  }
  const Tensor analytic = gradients ? gradients->flat() : zeros(Shape{weights.count()});
  for (const Weights::Place& place : weights.places())
    for (Index i = place.begin; i < place.begin + place.size; ++i)
      comparison.add(
          fmt::format("parameter {}, element {}", place.name, i - place.begin),
          weights.numbers().data()[i], analytic.data()[i],
          [&](real x) { weights.mutable_numbers()[i] = x; }, value);
  return comparison.result;
}

}  // namespace

GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs, Weights& weights,
                          const GradcheckOptions& options) {
  const Rng rng(options.seed);
  return check([&](Tape&, const auto& xs) { return contract(f(xs), rng); }, inputs, weights,
               options);
}

GradcheckResult gradgradcheck(const Function& f, const std::vector<Tensor>& inputs,
                              Weights& weights, const GradcheckOptions& options) {
  const Rng rng(options.seed);
  const auto contracted_gradient = [&](Tape& tape, const std::vector<Var>& xs) {
    const Gradients gradients = tape.backward(contract(f(xs), rng), Record::yes);
    Var total = 0;
    for (std::size_t k = 0; k < xs.size(); ++k)
      total = total + contract(gradients[xs[k]], rng.fork(k));
    for (std::size_t k = 0; k < weights.places().size(); ++k)
      total = total + contract(gradients.of_place(k), rng.fork(xs.size() + k));
    return total;
  };
  return check(contracted_gradient, inputs, weights, options);
}

GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  Weights none({});
  return gradcheck(f, inputs, none, options);
}

GradcheckResult gradgradcheck(const Function& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options) {
  Weights none({});
  return gradgradcheck(f, inputs, none, options);
}

}  // namespace gradflow
