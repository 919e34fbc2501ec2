// Elementwise mathematics on tensors. Binary operations broadcast (see shape.h).
//
// These compute values only. Their derivatives stand in autograd/ops.cpp, under the same names.
#pragma once

#include "tensor/tensor.h"

namespace gradflow {

// y = a + b, a - b, a b, a / b, broadcast. Throw ShapeError if the shapes cannot be lined up.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);

// y = f(x) for each element, y of x's shape; where f has no value, NaN or infinity as in <cmath>.
Tensor neg(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor pow(const Tensor& x, real exponent);  // x^exponent
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);  // -1, 0 or 1; NaN where x is NaN

Tensor sigmoid(const Tensor& x);                       // 1 / (1 + exp(-x))
Tensor softplus(const Tensor& x);                      // log(1 + exp(x)), without overflow
Tensor relu(const Tensor& x);                          // max(x, 0)
Tensor leaky_relu(const Tensor& x, real slope);        // x if x > 0, else slope x
Tensor leaky_relu_slope(const Tensor& x, real slope);  // its slope: 1 if x > 0, else `slope`
Tensor silu(const Tensor& x);                          // x sigmoid(x)
Tensor clamp(const Tensor& x, real low, real high);    // min(max(x, low), high)

// greater: 1 where a > b; equal: 1 where a = b; else 0. Broadcast.
Tensor greater(const Tensor& a, const Tensor& b);
Tensor equal(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);  // a where mask != 0, else b

// a += factor b, in a's own storage if nobody shares it. Throws ShapeError unless the shapes are
// equal.
void add_in_place(Tensor& a, const Tensor& b, real factor = 1);

// True if no element is NaN or infinite.
bool all_finite(const Tensor& x);

}  // namespace gradflow
