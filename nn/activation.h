// Activation: the function between the layers of a network.
//
//   const Mlp network({3, 64, 64, 2}, rng, activations::silu);
//   const Mlp of_my_own({3, 64, 2}, rng, Activation{"sine", [](const Var& x) { return sin(x); }});
//
// Read next: mlp.h.
#pragma once

#include <optional>

#include "autograd/ops.h"
#include "nn/activation_fused.h"

namespace gradflow {

struct Activation {
  const char* name;               // as settings and files know it
  Var (*function)(const Var& x);  // element by element
  // For fused networks, either of two; an activation without them is applied operation by
  // operation. The slope a of max(x, 0) + a min(x, 0), if it is that: it can be applied within the
  // products. Or a loop over plain numbers, and their derivatives (activation_fused.h).
  std::optional<real> slope = {};
  void (*plain)(Index n, real* v, real* slopes) = nullptr;

  Var operator()(const Var& x) const { return function(x); }  // of any shape
  bool operator==(const Activation&) const = default;
};

namespace activations {

inline constexpr real kLeakySlope = real(0.01);  // where x is negative

// The functions of these names (autograd/ops.h).
inline constexpr Activation leaky_relu{
    "leaky_relu", [](const Var& x) { return gradflow::leaky_relu(x, kLeakySlope); }, kLeakySlope};
inline constexpr Activation relu{"relu", gradflow::relu, real{0}};
inline constexpr Activation tanh{"tanh", gradflow::tanh, {}, plain::tanh};
inline constexpr Activation silu{"silu", gradflow::silu, {}, plain::silu};
inline constexpr Activation gelu{"gelu", gradflow::gelu, {}, plain::gelu};
inline constexpr Activation selu{"selu", gradflow::selu, {}, plain::selu};
inline constexpr Activation softplus{"softplus", gradflow::softplus, {}, plain::softplus};

}  // namespace activations
}  // namespace gradflow
