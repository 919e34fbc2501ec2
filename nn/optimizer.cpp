#include "nn/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tensor/kernels/lanes.h"
#include "tensor/kernels/vector_math.h"
#include "tensor/map.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

namespace {

// As a `real`: what a double can hold may be infinite, or nothing, there.
bool is_finite(double x) { return std::abs(x) <= double{std::numeric_limits<real>::max()}; }

void check_rate(const char* op, double rate) {
  require(is_finite(rate) && rate >= 0,
          "{}: a learning rate of {} given; it must be finite, and 0 or more", op, rate);
}

// From 0 to below 1: how much of a running mean is kept.
void check_share(const char* op, const char* name, double share) {
  require(0 <= share && share < 1, "{}: {} {} given; it must be from 0 to below 1", op, name,
          share);
}

}  // namespace

Optimizer::Optimizer(Weights& weights, double rate, std::initializer_list<const char*> memory)
    : learning_rate(rate), weights_(weights) {
  for (const char* name : memory) state_.emplace(name, zeros(Shape{weights.count()}));
}

void Optimizer::step(const Tensor& gradient, double factor) {
  require(gradient.shape() == Shape{weights_.count()},
          "step: a gradient of shape {} given; ({}) is required", gradient.shape(),
          weights_.count());
  check_rate("step", learning_rate);
  require(is_finite(factor) && factor >= 0,
          "step: a factor of {} given; it must be finite, and 0 or more", factor);
  real* numbers = weights_.mutable_numbers();
  ++steps_;
  begin_step();
  parallel_parts(weights_.count(), [&](Index, Index begin, Index end) {
    const Index n = end - begin;
    const real* g = gradient.data() + begin;
    std::array<real, kLongestPart> scaled;
    if (factor != 1) {
      const auto f = static_cast<real>(factor);
#pragma omp simd
      for (Index i = 0; i < n; ++i) scaled[static_cast<std::size_t>(i)] = f * g[i];
      g = scaled.data();
    }
    update(numbers + begin, g, begin, n);
  });
}

void Optimizer::step(const Gradients& gradients) {
  require<GraphError>(gradients.weights() == &weights_,
                      "step: gradients of other Weights given; those of the optimiser's own are "
                      "required; hint: Tape tape(weights) with the same weights");
  step(gradients.flat());
}

void Optimizer::restore(const NamedTensors& state, Index steps) {
  require(steps >= 0, "restore: {} steps given; 0 or more", steps);
  for (const auto& [name, x] : state_) {
    const auto found = state.find(name);
    require(found != state.end() && found->second.shape() == x.shape(),
            "restore: no \"{}\" of shape {} given", name, x.shape());
    require(all_finite(found->second), "restore: \"{}\" given is not finite", name);
  }
  for (const auto& [name, x] : state)
    require(state_.contains(name), "restore: \"{}\" given; this optimiser does not remember it",
            name);
  for (auto& [name, x] : state_) x = state.at(name);
  steps_ = steps;
}

Adam::Adam(Weights& weights, const AdamOptions& options)
    : Optimizer(weights, options.learning_rate, {"m", "v"}), options_(options) {
  check_rate("Adam", options.learning_rate);
  check_share("Adam", "beta1", options.beta1);
  check_share("Adam", "beta2", options.beta2);
  require(is_finite(options.epsilon) && static_cast<real>(options.epsilon) > 0,
          "Adam: epsilon {} given; it must be finite, and more than 0{}", options.epsilon,
          options.epsilon > 0 ? ", as a float, too" : "");
  require(is_finite(options.weight_decay) && options.weight_decay >= 0,
          "Adam: a weight decay of {} given; it must be finite, and 0 or more",
          options.weight_decay);
  require(
      options.learning_rate * options.weight_decay <= 1,
      "Adam: a learning rate of {} and a weight decay of {} given; their product, the share that "
      "a step takes from each number, must be at most 1",
      options.learning_rate, options.weight_decay);
}

Sgd::Sgd(Weights& weights, double rate, double momentum)
    : Optimizer(weights, rate, {"u"}), momentum_(momentum) {
  check_rate("Sgd", rate);
  check_share("Sgd", "momentum", momentum);
}

void Adam::begin_step() {
  m_ = state_.at("m").mutable_data();
  v_ = state_.at("v").mutable_data();
  const double t = static_cast<double>(steps_);
  step_size_ = static_cast<real>(learning_rate / (1 - math::pow(options_.beta1, t)));
  root_ = 1 / static_cast<real>(std::sqrt(1 - math::pow(options_.beta2, t)));
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

// In parts that do not depend on the number of threads.
double global_norm(const Tensor& gradient) {
  const Index n = gradient.size();
  std::vector<double> squares(static_cast<std::size_t>(parts_of(n)));
  parallel_parts(n, [&](Index part, Index begin, Index end) {
    squares[static_cast<std::size_t>(part)] = sum_of_squares(gradient.data() + begin, end - begin);
  });
  double total = 0;
  for (const double square : squares) total += square;
  return std::sqrt(total);
}

void clip_norm(Tensor& gradient, double largest) {
  require(largest > 0, "clip_norm: a largest norm of {} given; more than 0", largest);
  const double factor = clip_factor(global_norm(gradient), largest);
  const auto scaled = [factor = static_cast<real>(factor)](real g) { return factor * g; };
  if (factor != 1) gradient = kernel::map("clip_norm", gradient, scaled);
}

Schedule cosine_schedule(double rate, Index epochs) {
  check_rate("cosine_schedule", rate);
  require(epochs >= 1, "cosine_schedule: {} epochs given; at least 1", epochs);
  return [rate, epochs](Index epoch) {
    if (epoch >= epochs) return 0.0;
    const double progress = static_cast<double>(epoch) / static_cast<double>(epochs);
    return rate * (1 + math::cos(std::numbers::pi * progress)) / 2;
  };
}

}  // namespace gradflow
