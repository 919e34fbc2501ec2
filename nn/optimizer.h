// Optimisers: from gradients to new parameters. And what surrounds them: clipping, schedules.
//
// All gradients come as one flat vector, and all parameters lie in another one (Weights, in
// autograd/parameter.h): the norm of all gradients is one sum, the state of an optimiser is one or
// two vectors beside them, and a step is one loop.
//
//   Weights weights(parameters(model));
//   Adam adam(weights);
//   Tape tape(weights);
//   adam.step(tape.backward(loss));
//
// Read next: batch_gradient.h.
#pragma once

#include <functional>
#include <initializer_list>

#include "autograd/tape.h"
#include "nn/parameters.h"

namespace gradflow {

// What all optimisers have in common. A kind of optimiser says how n numbers move: update().
class Optimizer {
 public:
  // For these weights, which outlive it. `memory`: the names of the vectors that it keeps from step
  // to step, as long as all parameters together and 0 at first.
  Optimizer(Weights& weights, double rate, std::initializer_list<const char*> memory);
  virtual ~Optimizer() = default;

  // One step against a gradient of shape (weights().count()), times `factor`. Throws ShapeError for
  // another shape and for a learning rate or a factor that is negative or not finite.
  void step(const Tensor& gradient, double factor = 1);
  // The same for what a tape of these weights has found.
  void step(const Gradients& gradients);

  Weights& weights() const { return weights_; }  // what it moves
  Index steps() const { return steps_; }         // taken so far

  const NamedTensors& state() const { return state_; }  // what it remembers, (count) each
  // Throws ShapeError if a tensor is missing, too many, of another shape or not finite, or steps
  // negative.
  void restore(const NamedTensors& state, Index steps);

  double learning_rate;  // may be changed between steps

 protected:
  // Finds and computes what is the same for all numbers of this step.
  virtual void begin_step() = 0;
  // Moves n numbers of the parameters; `offset` is where they are in the flat vectors.
  virtual void update(real* numbers, const real* gradient, Index offset, Index n) = 0;

  NamedTensors state_;  // see state()
  Index steps_ = 0;     // taken so far, this one included

 private:
  Weights& weights_;
};

// Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1; with
// weight_decay > 0 it is AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization"
// (2019), algorithm 2.
//   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
//   p <- p - lr weight_decay p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
struct AdamOptions {
  double learning_rate = 1e-3;  // lr
  double beta1 = 0.9;           // of the running mean of g: from 0 to below 1
  double beta2 = 0.999;         // of that of g^2: likewise
  double epsilon = 1e-8;        // keeps the quotient finite: more than 0
  double weight_decay = 0;      // 0: Adam; never negative, times learning_rate at most 1
};

// The optimiser of the formulas above AdamOptions.
class Adam final : public Optimizer {
 public:
  // For a model's weights. Throws ShapeError, naming it, for an option out of its range.
  explicit Adam(Weights& weights, const AdamOptions& options = {});

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
  // For a model's weights. Throws ShapeError for a momentum that is not from 0 to below 1.
  explicit Sgd(Weights& weights, double rate = 1e-2, double momentum = 0);

 private:
  void begin_step() override { u_ = state_.at("u").mutable_data(); }
  void update(real* numbers, const real* gradient, Index offset, Index n) override;

  double momentum_;
  real* u_ = nullptr;  // in this step
};

// The Euclidean norm of a flat gradient, as a number. (That of a Var is an operation, with a
// derivative: autograd/reductions.h.)
double global_norm(const Tensor& gradient);
// The factor that brings a gradient that is longer than `largest` down to that; 1 for others
// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013, algorithm 1).
inline double clip_factor(double norm, double largest) {
  return norm > largest ? largest / norm : 1;
}
void clip_norm(Tensor& gradient, double largest);  // so; throws ShapeError unless largest > 0

// A learning rate for each epoch, counted from 0.
using Schedule = std::function<double(Index epoch)>;
// From `rate` down to 0 along half a cosine: rate (1 + cos(pi epoch / epochs)) / 2, without
// restarts (Loshchilov and Hutter, "SGDR", 2017, equation 5); 0 from the last epoch on. Throws
// ShapeError for less than one epoch and a rate that is negative or not finite.
Schedule cosine_schedule(double rate, Index epochs);

}  // namespace gradflow
