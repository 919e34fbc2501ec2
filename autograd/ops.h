// The operations on Vars. Each has its formula, its shapes and its derivative in ops.cpp.
//
// Binary operations broadcast (tensor/shape.h). A real or a Tensor may stand wherever a Var is
// asked for; it is a constant. Errors are ShapeErrors that name the operation.
#pragma once

#include <vector>

#include "autograd/record.h"
#include "tensor/map.h"
#include "tensor/matmul.h"
#include "tensor/reduce.h"

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

// Elementwise functions
Var exp(const Var& x);
Var log(const Var& x);
Var sqrt(const Var& x);
Var square(const Var& x);
Var pow(const Var& x, real exponent);
Var sin(const Var& x);
Var cos(const Var& x);
Var abs(const Var& x);  // derivative 0 at 0
Var tanh(const Var& x);
Var sigmoid(const Var& x);
Var softplus(const Var& x);
Var relu(const Var& x);                                 // derivative 0 at 0
Var leaky_relu(const Var& x, real slope = real(0.01));  // derivative `slope` at 0
Var silu(const Var& x);
Var clamp(const Var& x, real low, real high);  // derivative 1 at the bounds, 0 outside
// a where mask is not 0, else b. The mask is data: nothing flows into it.
Var where(const Tensor& mask, const Var& a, const Var& b);

// Reductions, over everything (to a scalar) or along one axis
Var sum(const Var& x);
Var mean(const Var& x);
Var max(const Var& x);  // where several elements are largest they share the gradient evenly
Var logsumexp(const Var& x);
Var sum(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var mean(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var max(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var logsumexp(const Var& x, int axis, KeepAxis keep = KeepAxis::no);

// Matrices
Var matmul(const Var& A, const Var& B, Trans trans_a = Trans::no, Trans trans_b = Trans::no);
Var linear(const Var& x, const Var& W, const Var& b);  // x W^T + b

// Rearrangements
Var reshape(const Var& x, const Shape& shape);
Var transpose(const Var& x, int axis_a = 0, int axis_b = 1);
Var slice(const Var& x, int axis, Index begin, Index end);
Var pad(const Var& x, int axis, Index begin, Index size);
Var concat(const std::vector<Var>& parts, int axis);
Var gather(const Var& x, const std::vector<Index>& indices, int axis = 0);
Var scatter_add(const Var& x, const std::vector<Index>& indices, Index size, int axis = 0);
Var broadcast_to(const Var& x, const Shape& shape);
Var sum_to(const Var& x, const Shape& shape);

}  // namespace gradflow
