// Base: the distribution of the latent variables, where every flow begins.
#pragma once

#include "flows/bijection.h"
#include "tensor/random.h"

namespace gradflow {

// Throws ShapeError, naming what was called, for fewer than 0 samples.
inline void check_samples(const char* called, Index n) {
  require(n >= 0, "{}: {} samples given; 0 or more", called, n);
}

class Base {
 public:
  virtual ~Base() = default;
  virtual Index dim() const = 0;               // D
  virtual Index context() const { return 0; }  // how many numbers it wants to know of each point
  // z (B, D), context (B, context()) or none -> (B), in nats.
  virtual Var log_prob(const Var& z, const Var& context = no_context) const = 0;
  // (n, D), n at least 0; context (n, context()) or none.
  virtual Var sample(Index n, Rng& rng, const Var& context = no_context) const = 0;
  virtual void visit(const Visitor&) {}  // names its tensors

 protected:
  Base() = default;
  Base(const Base&) = default;
  Base(Base&&) = default;
  Base& operator=(const Base&) = default;
  Base& operator=(Base&&) = default;
};

using AnyBase = Polymorphic<Base>;  // a value of any class that is derived from it

// log N(z; 0, I) = -|z|^2 / 2 - (D / 2) log 2 pi:   z (B, D)  ->  (B)
inline Var standard_normal_log_prob(const Var& z) {
  require(z.shape().rank() == 2, "standard_normal_log_prob: z {} given; (B, D) is required",
          z.shape());
  constexpr real kLogTwoPi = real(1.8378770664093454836);
  return real(-0.5) * (sum(square(z), 1) + kLogTwoPi * real(z.shape()[1]));
}

// N(0, I)
class StandardNormal final : public Base {
 public:
  explicit StandardNormal(Index dim) : dim_(dim) {}  // of D coordinates
  Index dim() const override { return dim_; }
  Var log_prob(const Var& z, const Var& = no_context) const override {
    check_points("StandardNormal::log_prob", z, dim_);
    return standard_normal_log_prob(z);
  }
  Var sample(Index n, Rng& rng, const Var& = no_context) const override {
    check_samples("StandardNormal::sample", n);
    return rng.normal({n, dim_});
  }

 private:
  Index dim_;
};

}  // namespace gradflow
