// The fast form of the affine map: one loop and one operation on the tape instead of nine. A
// coupling of two coordinates moves one number a point: what an operation costs besides its
// arithmetic would be most of the time. What it computes is written in affine.cpp; nobody needs to
// read this to understand the models.
#pragma once

#include "flows/univariate/univariate.h"

namespace gradflow {

enum class Scaling { down, up };  // (x - t) e^-s, or z e^s + t

// As Univariate::fused_latent and fused_data.
Univariate::Map fused_affine(Scaling scaling, real bound);

}  // namespace gradflow
