// What the tests of models share: parameters compared, disturbed, and their gradients checked.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "autograd/ops.h"
#include "experiments/run/files/safetensors.h"
#include "nn/parameters.h"
#include "tensor/threads/parallel.h"
#include "tensor/random.h"

namespace gradflow {

// Equal for two models only if every parameter is, bit for bit.
inline std::string bits(const Parameters& parameters) { return hash_tensors(values(parameters)); }

// Every parameter drawn anew, from N(0, size^2): nothing is left at a special place such as 0.
inline void randomize(const Parameters& parameters, real size, std::uint64_t seed) {
  Rng rng(seed);
  for (const auto& [name, parameter] : parameters)
    parameter->value = (size * rng.normal(parameter->value.shape())).value();
}

// The first parameter to which `loss` gives no gradient, or one of zeros; "" if there is none.
inline std::string without_gradient(const Parameters& parameters,
                                    const std::function<Var()>& loss) {
  Tape tape;
  const Gradients gradients = tape.backward(loss());
  for (const auto& [name, parameter] : parameters) {
    if (sum(square(gradients[*parameter])).item() == 0) return name;
  }
  return "";
}

// gradcheck for Parameters: is the tape's gradient of `loss` what moving each number of each
// parameter really does? Says where it is not. Steps and tolerance are those of gradcheck().
inline std::string wrong_gradient(const Parameters& parameters, const std::function<Var()>& loss) {
  constexpr double kTolerance = sizeof(real) == 8 ? 1e-6 : 2e-2;
  const double step = std::cbrt(std::numeric_limits<real>::epsilon());
  Tape tape;
  const Gradients gradients = tape.backward(loss());
  for (const auto& [name, parameter] : parameters) {
    const Tensor gradient = gradients[*parameter].value();
    const Tensor before = parameter->value;
    for (Index i = 0; i < before.size(); ++i) {
      const auto loss_at = [&, p = parameter](real place) {  // clang captures no structured binding
        p->value.mutable_data()[i] = place;
        Tape inner;
        return static_cast<double>(loss().item());
      };
      const real x = before.data()[i];
      const auto h = static_cast<real>(step * std::max(1.0, std::abs(double{x})));
      const real above = x + h, below = x - h;
      const double numeric = (loss_at(above) - loss_at(below)) / (double{above} - double{below});
      const double ours = gradient.data()[i];
      parameter->value = before;
      if (!(std::abs(ours - numeric) <= kTolerance * std::max(1.0, std::abs(numeric))))
        return fmt::format("{}, element {}: the tape says {:.10g}, the difference {:.10g}", name, i,
                           ours, numeric);
    }
  }
  return "";
}

// A number of threads for the rest of a scope.
class WithThreads {
 public:
  explicit WithThreads(int count) : before_(threads()) { set_threads(count); }
  ~WithThreads() { set_threads(before_); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;

 private:
  int before_;
};

}  // namespace gradflow
