// Optimisers: from gradients to new parameters. And what surrounds them: clipping, schedules.
//
// All gradients come as one flat vector (see flatten() in parameters.h): the norm of all of them is
// one sum, the state of an optimiser is one or two vectors beside it, and a step is one loop: the
// first step lays the parameters side by side, too, as views of one tensor.
//
//   Adam adam(model.parameters());
//   adam.step(tape.backward(loss));
//
// Read next: sharded_gradient.h.
#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <span>

#include "nn/parameters.h"

namespace gradflow {

// What all optimisers have in common. A kind of optimiser says how n numbers move: update().
class Optimizer {
 public:
  // For these parameters, which must not move as long as it is used. `memory`: the names of the
  // vectors that it keeps from step to step, as long as all parameters together and 0 at first.
  Optimizer(Parameters parameters, double rate, std::initializer_list<const char*> memory);
  virtual ~Optimizer() = default;

  // One step against a gradient of shape (count(parameters)). Throws ShapeError for another shape.
  void step(const Tensor& gradient) { step(std::array{Weighted{gradient, 1}}); }
  void step(const Gradients& gradients) { step(flatten(gradients, layout_)); }
  // One of the terms of a gradient that is a sum.
  struct Weighted {
    const Tensor& gradient;  // (count(parameters))
    real weight;             // its factor in the sum
  };
  // The same for such a gradient. Throws ShapeError if there are no terms.
  void step(std::span<const Weighted> terms);

  const Parameters& parameters() const { return parameters_; }  // as given
  const FlatLayout& layout() const { return layout_; }          // where each is in the flat vectors
  Index steps() const { return steps_; }                        // taken so far

  const NamedTensors& state() const { return state_; }  // what it remembers, (count) each
  // Throws ShapeError if a tensor is missing or of another shape.
  void restore(const NamedTensors& state, Index steps);

  double learning_rate;  // may be changed between steps

 protected:
  // Finds and computes what is the same for all numbers of this step.
  virtual void begin_step() = 0;
  // Moves n numbers of the parameters; `offset` is where they are in the flat vectors.
  virtual void update(real* numbers, const real* gradient, Index offset, Index n) = 0;

  Parameters parameters_;  // what it moves
  FlatLayout layout_;      // and where in the flat vectors
  NamedTensors state_;     // see state()
  Index steps_ = 0;        // taken so far, this one included

 private:
  void lay_together();

  Tensor numbers_;         // of all parameters, which are views of it
  real* first_ = nullptr;  // of them, to be written to
};

// Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1; with
// weight_decay > 0 it is AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization"
// (2019), algorithm 2.
//   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
//   p <- p - lr weight_decay p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
struct AdamOptions {
  double learning_rate = 1e-3;  // lr
  double beta1 = 0.9;           // of the running mean of g
  double beta2 = 0.999;         // of that of g^2
  double epsilon = 1e-8;        // keeps the quotient finite
  double weight_decay = 0;      // 0: Adam
};

// The optimiser of the formulas above AdamOptions.
class Adam final : public Optimizer {
 public:
  // For a model's parameters.
  explicit Adam(Parameters parameters, const AdamOptions& options = {})
      : Optimizer(std::move(parameters), options.learning_rate, {"m", "v"}), options_(options) {}

 private:
  void begin_step() override;
  void update(real* numbers, const real* gradient, Index offset, Index n) override;

  AdamOptions options_;
  // Of this step: the running means of g and g^2, lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t).
  real *m_ = nullptr, *v_ = nullptr;
  real step_size_ = 0, root_ = 1;
};

// Stochastic gradient descent with momentum: u <- momentum u + g,  p <- p - lr u.
class Sgd final : public Optimizer {
 public:
  // For a model's parameters; momentum from 0 to below 1.
  explicit Sgd(Parameters parameters, double rate = 1e-2, double momentum = 0)
      : Optimizer(std::move(parameters), rate, {"u"}), momentum_(momentum) {}

 private:
  void begin_step() override { u_ = state_.at("u").mutable_data(); }
  void update(real* numbers, const real* gradient, Index offset, Index n) override;

  double momentum_;
  real* u_ = nullptr;  // in this step
};

// The Euclidean norm of a flat gradient.
double norm(const Tensor& gradient);
// The factor that brings a gradient that is longer than `largest` down to that; 1 for others
// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013, algorithm 1).
inline double clip_factor(double norm, double largest) {
  return norm > largest ? largest / norm : 1;
}
void clip_norm(Tensor& gradient, double largest);  // so; throws ShapeError unless largest > 0

// A learning rate for each epoch, counted from 0.
using Schedule = std::function<double(Index epoch)>;
// From `rate` down to 0 along half a cosine: rate (1 + cos(pi epoch / epochs)) / 2, without
// restarts (Loshchilov and Hutter, "SGDR", 2017, equation 5).
Schedule cosine_schedule(double rate, Index epochs);

}  // namespace gradflow
