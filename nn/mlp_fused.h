// The fast form of an Mlp, and of several that read the same input: one operation on the tape
// instead of two for each layer. What it computes is written in mlp.cpp; nobody needs to read this
// to understand the models.
//
// Read next: mlp_fused.cpp, after record_fused() in autograd/record.h.
#pragma once

#include <optional>
#include <span>

#include "nn/mlp.h"

namespace gradflow {

// As interleaved() in mlp.h. Nothing if it cannot be had: for an activation that the products do
// not know, and for networks of which a tape differentiates with respect to a part.
std::optional<Var> fused_interleaved(const Var& x, std::span<const Mlp> networks);

}  // namespace gradflow
