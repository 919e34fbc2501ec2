// The fast form of couplings, one after another, with permutations between them: one operation on
// the tape for all. What they compute is written in coupling.cpp, linear/permutation.cpp and
// chain.cpp; nobody needs to read this to understand the models.
//
// The one idea: a coupling is little arithmetic and much around it. Its points need be turned and
// put on the tape once for a whole run of couplings and not for each; a permutation then is not an
// operation at all, but says where a coupling's results are written.
//
// Read next: coupling_fused.cpp, after nn/plain_mlp.h and univariate/plain.h.
#pragma once

#include <optional>
#include <span>

#include "flows/bijection.h"
#include "flows/univariate/plain.h"

namespace gradflow {

struct FusedRun {      // what a run of layers has made of the points
  Mapped mapped;       // by all of them together
  std::size_t layers;  // how many of those given have been applied
};

// Applies the longest run of couplings and permutations at the beginning of `layers`, which are in
// the order in which they are applied. Nothing if there is no coupling in it; for couplings without
// a fast form; and where a tape differentiates with respect to a part of their parameters.
std::optional<FusedRun> fused_run(std::span<const Bijection* const> layers, Way way,
                                  const Var& points, const Var& context, LogDet log_det);

}  // namespace gradflow
