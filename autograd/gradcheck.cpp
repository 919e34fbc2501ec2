#include "autograd/gradcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/ops.h"
#include "tensor/random.h"

namespace gradflow {
namespace {

// sum(w y) with fixed random weights w, between 0.5 and 1.5 in size and of either sign.
Var contract(const Var& y, Rng rng) {
  const Tensor sign = rng.uniform(y.shape(), -1, 1);
  const Tensor size = rng.uniform(y.shape(), real(0.5), real(1.5));
  Tensor w(y.shape());
  real* out = w.mutable_data();
  for (Index i = 0; i < w.size(); ++i) out[i] = std::copysign(size.data()[i], sign.data()[i]);
  return sum(w * y);
}

std::vector<Var> variables(Tape& tape, const std::vector<Tensor>& inputs) {
  std::vector<Var> xs;
  for (const Tensor& input : inputs) xs.push_back(tape.variable(input));
  return xs;
}

std::vector<Tensor> values(const Gradients& gradients, const std::vector<Var>& xs) {
  std::vector<Tensor> result;
  for (const Var& x : xs) result.push_back(gradients[x].value());
  return result;
}

// The gradient of contract(f), recorded and contracted again: the function that gradgradcheck
// differentiates.
Var contracted_gradient(Tape& tape, const Function& f, const std::vector<Var>& xs, const Rng& rng) {
  const Gradients gradients = tape.backward(contract(f(xs), rng), Record::yes);
  Var total = 0;
  for (std::size_t k = 0; k < xs.size(); ++k)
    total = total + contract(gradients[xs[k]], rng.fork(k));
  return total;
}

// Compares a gradient, one tensor for each input, with the central differences of `scalar`.
GradcheckResult compare(const std::vector<Tensor>& analytic,
                        const std::function<real(const std::vector<Tensor>&)>& scalar,
                        const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  const double cbrt_eps = std::cbrt(std::numeric_limits<real>::epsilon());
  GradcheckResult result;
  std::vector<Tensor> moved = inputs;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    for (Index i = 0; i < inputs[k].size(); ++i) {
      const real x = inputs[k].data()[i];
      const auto value_at = [&](real place) {
        moved[k].mutable_data()[i] = place;
        return static_cast<double>(scalar(moved));
      };
      const auto h = static_cast<real>(cbrt_eps * std::max(1.0, std::abs(static_cast<double>(x))));
      const real above = x + h, below = x - h;  // their rounded distance is used, not 2h
      const double numeric = (value_at(above) - value_at(below)) / (double{above} - double{below});
      value_at(x);
      const double ours = analytic[k].data()[i];
      const double error = std::abs(ours - numeric) / std::max(1.0, std::abs(numeric));
      if (!(error <= options.tolerance)) result.passed = false;  // a NaN does not pass
      if (!(error <= result.worst) || result.report.empty()) {
        result.worst = error;
        result.report = fmt::format(
            "input {} of shape {}, element {}: the rule says {:.10g}, the difference {:.10g}", k,
            to_string(inputs[k].shape()), i, ours, numeric);
      }
    }
  }
  return result;
}

}  // namespace

GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  const Rng rng(options.seed);
  Tape tape;
  const std::vector<Var> xs = variables(tape, inputs);
  const Gradients gradients = tape.backward(contract(f(xs), rng));
  const auto scalar = [&](const std::vector<Tensor>& at) {
    return contract(f({at.begin(), at.end()}), rng).item();
  };
  return compare(values(gradients, xs), scalar, inputs, options);
}

GradcheckResult gradgradcheck(const Function& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options) {
  const Rng rng(options.seed);
  Tape tape;
  const std::vector<Var> xs = variables(tape, inputs);
  const Var total = contracted_gradient(tape, f, xs, rng);
  std::vector<Tensor> second;
  if (total.tracked())
    second = values(tape.backward(total), xs);
  else  // f is linear: its gradient is a constant, whose derivative is 0
    for (const Tensor& input : inputs) second.push_back(zeros(input.shape()));
  const auto scalar = [&](const std::vector<Tensor>& at) {
    Tape inner;
    return contracted_gradient(inner, f, variables(inner, at), rng).item();
  };
  return compare(second, scalar, inputs, options);
}

}  // namespace gradflow
