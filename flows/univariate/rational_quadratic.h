// The rational-quadratic spline: a rising curve of K pieces through K + 1 knots, inside a box.
//   Durkan, Bekasov, Murray, Papamakarios, "Neural spline flows" (2019), section 3.1; the pieces
//   are those of Gregory and Delbourgo, "Piecewise rational quadratic interpolation to monotonic
//   data" (1982).
//
// The one idea: an affine map can move a bell and make it wider, but not split it in two. A curve
// can have a steep piece wherever data are rare, so one layer makes many bells of one; and as each
// piece is a quotient of two quadratics, it is undone by solving one quadratic equation.
//
// Between the knots (X_k, Y_k) and (X_{k+1}, Y_{k+1}), w apart and h high, with slopes d_0 and d_1:
//
//   u = (x - X_k) / w,   s = h / w,   p = u (1 - u),   E = s + (d_0 + d_1 - 2 s) p
//   z = Y_k + h (s u^2 + d_0 p) / E
//   dz/dx = s^2 (d_1 u^2 + 2 s p + d_0 (1 - u)^2) / E^2
//
// Outside the box, |x| > B, z = x: the far tails are those of the base. The slope is 1 at both ends
// of the box, so that the density has no step there.
//
// Read next: rational_quadratic.cpp; circular.h, for angles.
#pragma once

#include "flows/univariate/univariate.h"

namespace gradflow {

struct SplineOptions {  // how fine and how wide the curve is
  Index bins = 16;      // K: how many pieces
  real box = 3;         // B: it moves points between -B and B; 5 for data that nobody standardised
};

enum class Ends {  // what happens at the edges of the box
  straight,        // the slope is 1 at both: the curve goes on as the identity
  joined           // the slope is one number at both, free: the curve goes on at its other end
};

// Raw numbers of a coordinate: K "width"s, K "height"s, K - 1 "slope"s of the inner knots (K if the
// ends are joined, the first one theirs). Where all are 0 it is the identity. Throws ShapeError
// unless there are 2 to 500 bins and the box is finite, more than 0.
Univariate rational_quadratic(const SplineOptions& options = {}, Ends ends = Ends::straight);
// The same, operation by operation: what it means. rational_quadratic() is a few loops
// (rational_quadratic_fused.cpp).
Univariate composed_rational_quadratic(const SplineOptions& options = {},
                                       Ends ends = Ends::straight);

// No bin is narrower or lower than this share of the box, and no slope is below it.
inline constexpr real kSplineLeast = real(1e-3);
// What is added to a raw slope: with it softplus(0 + kSplineOne) + kSplineLeast = 1.
inline constexpr real kSplineOne = real(0.53974241723695208);

}  // namespace gradflow
