// PlainMap: a univariate map on plain memory, for the fused operations that contain one
// (univariate_fused.h, coupling_fused.h). Nobody needs to read this to understand the models.
//
// The one idea: a fast form of a map is two loops over n numbers of one coordinate, each with its
// own raw numbers; what surrounds them, which coordinates and where they lie, is the same for all
// maps. A map that has these loops is fused wherever it stands.
//
// Read next: affine_fused.cpp.
#pragma once

#include <functional>

#include "tensor/real.h"

namespace gradflow {

enum class Way { to_latent, to_data };  // the direction of a map

// n raw numbers of each kind: those of kind r begin at data + r * step.
template <class Number>
struct RawRows {
  Number* data;                                                  // of the first kind
  Index step;                                                    // from a kind to the next
  Number* operator[](Index r) const { return data + r * step; }  // those of kind r
};

struct PlainMap {
  // How many numbers forward() keeps for backward() beside each of the n.
  Index kept = 0;
  // y (n) of x (n). Unless log_det is null, log |dy/dx| is added to it (n). Nothing is written
  // where something is read.
  std::function<void(Way way, Index n, const real* x, RawRows<const real> raw, real* y,
                     real* log_det, real* kept)>
      forward = nullptr;
  // d is the gradient of y and becomes that of x; draw gets that of the raw numbers. d_log_det (n)
  // is null if the logarithm was declined.
  std::function<void(Way way, Index n, const real* x, const real* y, const real* kept, real* d,
                     const real* d_log_det, RawRows<real> draw)>
      backward = nullptr;
};

}  // namespace gradflow
