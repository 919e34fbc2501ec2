// Tangents: how a network's result changes when its input moves, forwards.
//
// The one idea: if x moves in the direction x', then h = W x + b moves in the direction W x', and
// f(h) in the direction f'(h) h'. So directions can be pushed through a network beside the values,
// and J x' comes out, without a tape. It is made of operations, so that it can itself be
// differentiated.
//   Griewank and Walther, "Evaluating derivatives" (2008), section 3.1.
#pragma once

#include "nn/mlp.h"

namespace gradflow {

struct WithTangents {         // what comes out of a network
  Var value;                  // (B, out)
  std::vector<Var> tangents;  // (B, out) each: the Jacobian times one direction
};

// x (B, in), directions (B, in) each.
WithTangents pushed_forward(const Mlp& network, const Var& x, const std::vector<Var>& directions);

}  // namespace gradflow
