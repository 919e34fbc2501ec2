// The operations on Vars. Here: arithmetic and functions of single numbers, each with its formula,
// its shapes and its derivative in ops.cpp. The other headers, which this one includes, are
// reductions.h (along an axis), linalg.h (matrices) and rearrangements.h (moving elements).
//
// Binary operations broadcast (tensor/shape.h). A real or a Tensor may stand wherever a Var is
// asked for; it is a constant. Errors are ShapeErrors that name the operation.
#pragma once

#include "autograd/linalg.h"
#include "autograd/rearrangements.h"
#include "autograd/record.h"
#include "autograd/reductions.h"
#include "tensor/map.h"

namespace gradflow {

// Arithmetic, with broadcasting
Var add(const Var& a, const Var& b);
Var sub(const Var& a, const Var& b);
Var mul(const Var& a, const Var& b);
Var div(const Var& a, const Var& b);
Var neg(const Var& x);
// The same, in the signs of arithmetic.
inline Var operator+(const Var& a, const Var& b) { return add(a, b); }
inline Var operator-(const Var& a, const Var& b) { return sub(a, b); }
inline Var operator*(const Var& a, const Var& b) { return mul(a, b); }
inline Var operator/(const Var& a, const Var& b) { return div(a, b); }
inline Var operator-(const Var& x) { return neg(x); }
// Element by element; where the two are equal, each gets half of the gradient.
Var minimum(const Var& a, const Var& b);
Var maximum(const Var& a, const Var& b);

// Elementwise functions
Var exp(const Var& x);
Var expm1(const Var& x);  // e^x - 1, with all digits near 0
Var log(const Var& x);
Var log1p(const Var& x);  // log(1 + x), with all digits near 0
Var sqrt(const Var& x);
Var square(const Var& x);
Var pow(const Var& x, real exponent);
Var sin(const Var& x);
Var cos(const Var& x);
Var abs(const Var& x);  // derivative 0 at 0
Var tanh(const Var& x);
Var sigmoid(const Var& x);
Var logsigmoid(const Var& x);  // log sigmoid x, which is x where sigmoid x is too small for a real
Var softplus(const Var& x);
Var normal_cdf(const Var& x);                           // P(z < x) of a standard normal z
Var relu(const Var& x);                                 // derivative 0 at 0
Var leaky_relu(const Var& x, real slope = real(0.01));  // derivative `slope` at 0
Var elu(const Var& x, real alpha = 1);                  // derivative `alpha` at 0
Var selu(const Var& x);                                 // derivative 1.758 at 0, as from below
Var silu(const Var& x);
Var gelu(const Var& x);                        // the exact one, x normal_cdf(x)
Var clamp(const Var& x, real low, real high);  // derivative 1 at the bounds, 0 outside
// a where mask is not 0, else b. The mask is data: nothing flows into it.
Var where(const Tensor& mask, const Var& a, const Var& b);

}  // namespace gradflow
