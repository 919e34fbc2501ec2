// The divergence of a field: by how much it thins out what it carries.
//
//   div f = df_1/dy_1 + ... + df_D/dy_D           d(log p)/dt = -div f  along a path
//   Chen et al., "Neural ordinary differential equations" (2018), theorem 1.
//
// Exactly it takes D derivatives of the field. Hutchinson's estimate takes one, along a random
// probe e with independent elements of mean 0 and variance 1:  E[e^T J e] = div f.
//   Grathwohl et al., "FFJORD" (2019), section 3.1.
//
// Of any field it comes from the tape, as numbers. Of a network it is made of operations, beside
// the velocity itself, so that a gradient goes through it.
//
// Read next: ../continuous.h.
#pragma once

#include <optional>

#include "flows/matching/velocity.h"

namespace gradflow {

// (B) of a field at y (B, D), t (B, 1): from D backward passes, in which all that is trained is a
// constant. They are numbers. Throws GraphError where y is on a tape, whose gradient would be lost.
Tensor divergence(const Field& field, const Var& y, const Var& t);
// The estimate by one backward pass, along a probe (B, D).
Tensor divergence_along(const Field& field, const Var& y, const Var& t, const Tensor& probe);

struct Flowing {   // a network's answer
  Var velocity;    // (B, D)
  Var divergence;  // (B, 1), as a column beside the velocity
};
// Exact, or the estimate along a probe (B, D) if one is given.
Flowing with_divergence(const VelocityNetwork& network, const Var& y, const Var& t,
                        const Var& context, const std::optional<Tensor>& probe = {});

}  // namespace gradflow
