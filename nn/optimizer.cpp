#include "nn/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tensor/map.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

Optimizer::Optimizer(Parameters parameters, double rate, std::initializer_list<const char*> memory)
    : learning_rate(rate), parameters_(std::move(parameters)), layout_(parameters_) {
  for (const char* name : memory) state_.emplace(name, zeros(Shape{layout_.count}));
}

// Lays the parameters side by side, as views of one tensor, unless they are: then a step is one
// loop over memory that lies as the gradient does, and the threads that read the parameters in the
// next step find them in one piece. Nobody else may share that tensor, for it will be written to.
void Optimizer::lay_together() {
  bool together = numbers_.owners() == 1 + std::ssize(parameters_);
  for (const auto& [parameter, offset, n] : layout_.places) {
    require(parameter->value.size() == n,
            "step: a parameter of shape {} given; it had {} numbers when the optimiser "
            "was made",
            parameter->value.shape(), n);
    together &= parameter->value.data() == numbers_.data() + offset;
  }
  if (together) return;
  numbers_ = Tensor(Shape{layout_.count});
  first_ = numbers_.mutable_data();
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    const auto [of, offset, n] = layout_.places[k];
    Tensor& value = parameters_[k].parameter->value;
    Tensor view = numbers_.rows(offset, offset + n).reshaped(value.shape());
    std::copy_n(value.data(), n, first_ + offset);
    value = std::move(view);
  }
}

void Optimizer::step(std::span<const Weighted> terms) {
  require(!terms.empty(), "step: no gradients given; at least one is required");
  for (const Weighted& term : terms)
    require(term.gradient.shape() == Shape{layout_.count},
            "step: a gradient of shape {} given; ({}) is required", term.gradient.shape(),
            layout_.count);
  lay_together();
  ++steps_;
  begin_step();
  parallel_parts(layout_.count, [&](Index begin, Index end) {
    std::array<real, kLongestPart> sum;  // of the terms
    const Index n = end - begin;
    for (const Weighted& term : terms) {
      const real* g = term.gradient.data() + begin;
      const bool first = &term == &terms[0];
#pragma omp simd
      for (Index i = 0; i < n; ++i) sum[i] = term.weight * g[i] + (first ? 0 : sum[i]);
    }
    update(first_ + begin, sum.data(), begin, n);
  });
}

void Optimizer::restore(const NamedTensors& state, Index steps) {
  for (const auto& [name, x] : state_) {
    const auto found = state.find(name);
    require(found != state.end() && found->second.shape() == x.shape(),
            "restore: no \"{}\" of shape {} given", name, x.shape());
  }
  for (auto& [name, x] : state_) x = state.at(name);
  steps_ = steps;
}

void Adam::begin_step() {
  m_ = state_.at("m").mutable_data();
  v_ = state_.at("v").mutable_data();
  const double t = static_cast<double>(steps_);
  step_size_ = static_cast<real>(learning_rate / (1 - std::pow(options_.beta1, t)));
  root_ = 1 / static_cast<real>(std::sqrt(1 - std::pow(options_.beta2, t)));
}

void Adam::update(real* p, const real* g, Index offset, Index n) {
  real *m = m_ + offset, *v = v_ + offset;
  const auto beta1 = static_cast<real>(options_.beta1), beta2 = static_cast<real>(options_.beta2);
  const auto one_minus_beta1 = static_cast<real>(1 - options_.beta1);
  const auto one_minus_beta2 = static_cast<real>(1 - options_.beta2);
  const auto epsilon = static_cast<real>(options_.epsilon);
  const auto kept = static_cast<real>(1 - learning_rate * options_.weight_decay);
  const real step_size = step_size_, root = root_;
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    m[i] = beta1 * m[i] + one_minus_beta1 * g[i];
    v[i] = beta2 * v[i] + one_minus_beta2 * g[i] * g[i];
    p[i] = kept * p[i] - step_size * m[i] / (std::sqrt(v[i]) * root + epsilon);
  }
}

void Sgd::update(real* p, const real* g, Index offset, Index n) {
  real* u = u_ + offset;
  const auto momentum = static_cast<real>(momentum_);
  const auto rate = static_cast<real>(learning_rate);
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    u[i] = momentum * u[i] + g[i];
    p[i] -= rate * u[i];
  }
}

double norm(const Tensor& gradient) {
  double total = 0;
  const real* g = gradient.data();
  const Index n = gradient.size();
#pragma omp simd reduction(+ : total)
  for (Index i = 0; i < n; ++i) total += double{g[i]} * double{g[i]};
  return std::sqrt(total);
}

void clip_norm(Tensor& gradient, double largest) {
  require(largest > 0, "clip_norm: a largest norm of {} given; more than 0", largest);
  const double factor = clip_factor(norm(gradient), largest);
  const auto scaled = [factor = static_cast<real>(factor)](real g) { return factor * g; };
  if (factor != 1) gradient = kernel::map("clip_norm", gradient, scaled);
}

Schedule cosine_schedule(double rate, Index epochs) {
  return [rate, epochs](Index epoch) {
    const double progress = static_cast<double>(epoch) / static_cast<double>(epochs);
    return rate * (1 + std::cos(std::numbers::pi * progress)) / 2;
  };
}

}  // namespace gradflow
