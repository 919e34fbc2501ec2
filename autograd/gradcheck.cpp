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

// Compares the gradient of the objective with central differences of it.
GradcheckResult check(const Objective& objective, const std::vector<Tensor>& inputs,
                      const GradcheckOptions& options) {
  Tape tape;
  const std::vector<Var> xs = variables(tape, inputs);
  const Var y = objective(tape, xs);
  std::optional<Gradients> gradients;  // none if y is a constant: its derivative is 0
  if (y.tracked()) gradients = tape.backward(y);
  const double cbrt_eps = std::cbrt(std::numeric_limits<real>::epsilon());
  GradcheckResult result;
  std::vector<Tensor> moved = inputs;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Tensor analytic = gradients ? (*gradients)[xs[k]].value() : zeros(inputs[k].shape());
    for (Index i = 0; i < inputs[k].size(); ++i) {
      const real x = inputs[k].data()[i];
      const auto value_at = [&](real place) {
        moved[k].mutable_data()[i] = place;
        Tape inner;
        return static_cast<double>(objective(inner, variables(inner, moved)).item());
      };
      const auto h = static_cast<real>(cbrt_eps * std::max(1.0, std::abs(static_cast<double>(x))));
      const real above = x + h, below = x - h;  // their rounded distance is used, not 2h
      const double numeric = (value_at(above) - value_at(below)) / (double{above} - double{below});
      moved[k].mutable_data()[i] = x;
      const double ours = analytic.data()[i];
      const double error = std::abs(ours - numeric) / std::max(1.0, std::abs(numeric));
      if (!(error <= options.tolerance)) result.passed = false;  // a NaN does not pass
      if (!(error <= result.worst) || result.report.empty()) {
        result.worst = error;
        result.report = fmt::format(
            "input {} of shape {}, element {}: the rule says {:.10g}, the difference {:.10g}", k,
            inputs[k].shape(), i, ours, numeric);
      }
    }
  }
  return result;
}

}  // namespace

GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  const Rng rng(options.seed);
  return check([&](Tape&, const auto& xs) { return contract(f(xs), rng); }, inputs, options);
}

GradcheckResult gradgradcheck(const Function& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options) {
  const Rng rng(options.seed);
  const auto contracted_gradient = [&](Tape& tape, const std::vector<Var>& xs) {
    const Gradients gradients = tape.backward(contract(f(xs), rng), Record::yes);
    Var total = 0;
    for (std::size_t k = 0; k < xs.size(); ++k)
      total = total + contract(gradients[xs[k]], rng.fork(k));
    return total;
  };
  return check(contracted_gradient, inputs, options);
}

}  // namespace gradflow
