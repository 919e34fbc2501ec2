// The loops of the affine map, for its fast forms: nine operations on the tape would cost more than
// their arithmetic, as a coupling of two coordinates moves one number a point. What they compute is
// written in affine.cpp; nobody needs to read this to understand the models.
#pragma once

#include "flows/univariate/plain.h"

namespace gradflow {

// Both directions, for the bound c.
PlainMap plain_affine(real bound);

}  // namespace gradflow
