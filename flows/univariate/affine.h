// The affine map: a shift t and a scale e^s.
//   Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP" (2017), equations 4 to 8.
//
// z = (x - t) e^-s      log_det = -(sum of s)
// x = z e^s + t         log_det = sum of s             s = c tanh(raw / c)
//
// The log-scale is softly bounded: close to its raw number while that is small, never beyond c.
// Without a bound (c infinite: s = raw) e^-s can explode on points far from the data, and with it
// the training.
//
// Read next: ../coupling.h, which uses it.
#pragma once

#include "flows/univariate/univariate.h"

namespace gradflow {

// Raw numbers "scale" (s before its bound) and "shift" (t). Throws ShapeError unless bound > 0.
Univariate affine(real bound = 2);
// The same, operation by operation: what it means. affine() is one loop (affine_fused.cpp).
Univariate composed_affine(real bound = 2);

}  // namespace gradflow
