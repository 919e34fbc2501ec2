// What the tests of models share: parameters compared, disturbed, and their gradients checked.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "nn/parameters.h"
#include "tensor/random.h"
#include "tests/threads.h"

namespace gradflow {

// Equal for two models only if every parameter is, bit for bit.
template <class Model>
std::string bits(const Model& model) {
  return hash_tensors(trained_tensors(model));
}

// Every parameter drawn anew, from N(0, size^2): nothing is left at a special place such as 0.
inline void randomize(const Parameters& parameters, real size, std::uint64_t seed) {
  Rng rng(seed);
  for (const auto& [name, parameter] : parameters)
    *parameter = (size * rng.normal(parameter->shape())).value();
}

// The first parameter to which `loss` gives no gradient, or one of zeros; "" if there is none.
inline std::string without_gradient(const Parameters& parameters,
                                    const std::function<Var()>& loss) {
  const Weights weights(parameters);
  Tape tape(weights);
  const Gradients gradients = tape.backward(loss());
  for (const auto& [name, parameter] : parameters) {
    if (sum(square(gradients[*parameter])).item() == 0) return name;
  }
  return "";
}

// gradcheck of the parameters alone: what is wrong, "" if nothing.
inline std::string wrong_gradient(const Parameters& parameters, const std::function<Var()>& loss) {
  Weights weights(parameters);
  const GradcheckResult result = gradcheck([&](const auto&) { return loss(); }, {}, weights);
  return result.passed ? "" : result.report;
}

}  // namespace gradflow
