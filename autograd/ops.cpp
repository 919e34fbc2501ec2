// Every rule of calculus in gradflow, each beside the computation that it differentiates.
//
// How to read an entry: the comment has the formula, the shapes and the derivative; `record` gets
// the value, then one line for each argument that says what dy, the gradient of the result, makes
// of that argument's gradient. Shapes left out: elementwise operations keep them (or broadcast),
// and the engine sums a gradient over the axes along which its argument was repeated.
//
// To add an operation: write an entry here and its declaration in ops.h, and a row in each of the
// tables tests/ops_table.cpp and tests/test_ops_limits.cpp; the tests say what is missing. (For one
// in a header of its own the first table is enough: README.md shows how.)

#include "autograd/ops.h"

#include "tensor/math.h"

namespace gradflow {

// --- Arithmetic ------------------------------------------------------------------------------

// y = a + b          da = dy          db = dy
Var add(const Var& a, const Var& b) {
  return record("add", add(a.value(), b.value()), wrt(a, [](const Var& dy) { return dy; }),
                wrt(b, [](const Var& dy) { return dy; }));
}

// y = a - b          da = dy          db = -dy
Var sub(const Var& a, const Var& b) {
  return record("sub", sub(a.value(), b.value()), wrt(a, [](const Var& dy) { return dy; }),
                wrt(b, [](const Var& dy) { return -dy; }));
}

// y = a b            da = dy b        db = dy a
Var mul(const Var& a, const Var& b) {
  return record("mul", mul(a.value(), b.value()), wrt(a, [b](const Var& dy) { return dy * b; }),
                wrt(b, [a](const Var& dy) { return dy * a; }));
}

// y = a / b          da = dy / b      db = -dy a / b^2 = -dy y / b
Var div(const Var& a, const Var& b) {
  return record("div", div(a.value(), b.value()), wrt(a, [b](const Var& dy) { return dy / b; }),
                wrt(b, [b](const Var& dy, const Var& y) { return -(dy * y / b); }));
}

// y = -x             dx = -dy
Var neg(const Var& x) {
  return record("neg", neg(x.value()), wrt(x, [](const Var& dy) { return -dy; }));
}

// --- Elementwise functions -------------------------------------------------------------------

// y = e^x            dx = dy y
Var exp(const Var& x) {
  return record("exp", exp(x.value()), wrt(x, [](const Var& dy, const Var& y) { return dy * y; }));
}

// y = log x          dx = dy / x
Var log(const Var& x) {
  return record("log", log(x.value()), wrt(x, [x](const Var& dy) { return dy / x; }));
}

// y = sqrt x         dx = dy / (2 y)
Var sqrt(const Var& x) {
  return record("sqrt", sqrt(x.value()),
                wrt(x, [](const Var& dy, const Var& y) { return dy / (2 * y); }));
}

// y = x^2            dx = dy 2 x
Var square(const Var& x) {
  return record("square", square(x.value()), wrt(x, [x](const Var& dy) { return dy * (2 * x); }));
}

// y = x^p            dx = dy p x^(p-1), and 0 for p = 0, where the formula is 0 times infinity at 0
Var pow(const Var& x, real p) {
  return record("pow", pow(x.value(), p), wrt(x, [x, p](const Var& dy) {
                  return p == 0 ? Var(zeros(dy.shape())) : dy * (p * pow(x, p - 1));
                }));
}

// y = sin x          dx = dy cos x
Var sin(const Var& x) {
  return record("sin", sin(x.value()), wrt(x, [x](const Var& dy) { return dy * cos(x); }));
}

// y = cos x          dx = -dy sin x
Var cos(const Var& x) {
  return record("cos", cos(x.value()), wrt(x, [x](const Var& dy) { return -(dy * sin(x)); }));
}

// y = |x|            dx = dy sign x
Var abs(const Var& x) {
  return record("abs", abs(x.value()), wrt(x, [x](const Var& dy) { return dy * sign(x.value()); }));
}

// y = tanh x         dx = dy (1 - y^2)
Var tanh(const Var& x) {
  return record("tanh", tanh(x.value()),
                wrt(x, [](const Var& dy, const Var& y) { return dy * (1 - square(y)); }));
}

// y = 1 / (1 + e^-x)         dx = dy y (1 - y)
Var sigmoid(const Var& x) {
  return record("sigmoid", sigmoid(x.value()),
                wrt(x, [](const Var& dy, const Var& y) { return dy * (y * (1 - y)); }));
}

// y = log(1 + e^x)           dx = dy sigmoid x
Var softplus(const Var& x) {
  return record("softplus", softplus(x.value()),
                wrt(x, [x](const Var& dy) { return dy * sigmoid(x); }));
}

// y = max(x, 0)              dx = dy where x > 0, else 0
Var relu(const Var& x) {
  return record("relu", relu(x.value()), wrt(x, [x](const Var& dy) {
                  return where(greater(x.value(), Tensor::scalar(0)), dy, 0);
                }));
}

// y = x where x > 0, else a x        dx = dy where x > 0, else a dy
Var leaky_relu(const Var& x, real slope) {
  return record("leaky_relu", leaky_relu(x.value(), slope), wrt(x, [x, slope](const Var& dy) {
                  return dy * leaky_relu_slope(x.value(), slope);
                }));
}

// y = x s,  s = sigmoid x            dx = dy s (1 + x (1 - s))
Var silu(const Var& x) {
  return record("silu", silu(x.value()), wrt(x, [x](const Var& dy) {
                  const Var s = sigmoid(x);
                  return dy * (s * (1 + x * (1 - s)));
                }));
}

// y = min(max(x, low), high)         dx = dy where low <= x <= high, else 0
Var clamp(const Var& x, real low, real high) {
  return record("clamp", clamp(x.value(), low, high), wrt(x, [x, low, high](const Var& dy) {
                  return where(equal(x.value(), clamp(x.value(), low, high)), dy, 0);
                }));
}

// y = a where mask, else b           da = dy where mask, else 0          db = the others
Var where(const Tensor& mask, const Var& a, const Var& b) {
  return record("where", where(mask, a.value(), b.value()),
                wrt(a, [mask](const Var& dy) { return where(mask, dy, 0); }),
                wrt(b, [mask](const Var& dy) { return where(mask, 0, dy); }));
}

// --- Reductions ------------------------------------------------------------------------------

namespace {

// The gradient of a result that has lost `axis`, with the axis back (size 1): ready to broadcast.
Var with_axis(const Var& dy, int axis, const Shape& x_shape) {
  axis = checked_axis("reduce", axis, x_shape);
  return dy.shape().rank() == x_shape.rank() ? dy : reshape(dy, x_shape.with(axis, 1));
}

// 1 at the largest element along an axis; where n elements share the maximum y, 1/n at each.
Tensor share_of_max(const Tensor& x, const Tensor& y, int axis) {
  const Tensor largest = equal(x, y);
  return div(largest, sum(largest, axis, KeepAxis::yes));
}

// reshape() to one axis, by the name of the operation that asks for it.
Var flat(const char* op, const Var& x) {
  return record(op, x.value().reshaped(Shape{x.value().size()}),
                wrt(x, [from = x.shape()](const Var& dy) { return reshape(dy, from); }));
}

}  // namespace

// y = sum of x over all elements     x (any)   y ()          dx = dy everywhere
Var sum(const Var& x) {
  return record("sum", sum(x.value()),
                wrt(x, [shape = x.shape()](const Var& dy) { return broadcast_to(dy, shape); }));
}

// y = sum of x along an axis         x (.., n, ..)   y (.., ..) or (.., 1, ..)
//                                    dx = dy at every position of the axis
Var sum(const Var& x, int axis, KeepAxis keep) {
  return record("sum", sum(x.value(), axis, keep), wrt(x, [axis, shape = x.shape()](const Var& dy) {
                  return broadcast_to(with_axis(dy, axis, shape), shape);
                }));
}

// y = (1/n) sum of x                 dx = dy / n everywhere
Var mean(const Var& x) {
  return record("mean", mean(x.value()), wrt(x, [shape = x.shape()](const Var& dy) {
                  return broadcast_to(dy / real(shape.size()), shape);
                }));
}

// y = (1/n) sum of x along an axis of size n         dx = dy / n at every position
Var mean(const Var& x, int axis, KeepAxis keep) {
  return record("mean", mean(x.value(), axis, keep),
                wrt(x, [axis, shape = x.shape()](const Var& dy) {
                  const real n = real(shape[checked_axis("mean", axis, shape)]);
                  return broadcast_to(with_axis(dy, axis, shape) / n, shape);
                }));
}

// y = largest x along an axis        dx = dy where x = y (shared among equals), else 0
Var max(const Var& x, int axis, KeepAxis keep) {
  return record("max", max(x.value(), axis, keep), wrt(x, [x, axis](const Var& dy) {
                  const Tensor y = max(x.value(), axis, KeepAxis::yes);
                  return with_axis(dy, axis, x.shape()) * share_of_max(x.value(), y, axis);
                }));
}

// y = log of the sum of e^x along an axis            dx = dy e^(x - y)
Var logsumexp(const Var& x, int axis, KeepAxis keep) {
  return record("logsumexp", logsumexp(x.value(), axis, keep),
                wrt(x, [x, axis](const Var& dy, const Var& y) {
                  const Var y_kept = with_axis(y, axis, x.shape());
                  return with_axis(dy, axis, x.shape()) * exp(x - y_kept);
                }));
}

// y = largest x of all elements, and the log of the sum of their e^x; dx likewise
Var max(const Var& x) { return max(flat("max", x), 0); }
Var logsumexp(const Var& x) { return logsumexp(flat("logsumexp", x), 0); }

// --- Matrices --------------------------------------------------------------------------------

namespace {
Trans flipped(Trans t) { return t == Trans::no ? Trans::yes : Trans::no; }
}  // namespace

// C = A B            A (m, k)   B (k, n)   C (m, n)          dA = dC B^T      dB = A^T dC
// and, where A or B enters transposed, the transposes of these.
Var matmul(const Var& A, const Var& B, Trans ta, Trans tb) {
  return record("matmul", matmul(A.value(), B.value(), ta, tb),
                wrt(A,
                    [B, ta, tb](const Var& dC) {
                      return ta == Trans::no ? matmul(dC, B, Trans::no, flipped(tb))
                                             : matmul(B, dC, tb, Trans::yes);
                    }),
                wrt(B, [A, ta, tb](const Var& dC) {
                  return tb == Trans::no ? matmul(A, dC, flipped(ta), Trans::no)
                                         : matmul(dC, A, Trans::yes, ta);
                }));
}

// y = x W^T + b      x (B, in)   W (out, in)   b (out)   y (B, out)
//                    dx = dy W        dW = dy^T x        db = dy (summed over the batch)
Var linear(const Var& x, const Var& W, const Var& b) {
  return record("linear", affine(x.value(), W.value(), b.value()),
                wrt(x, [W](const Var& dy) { return matmul(dy, W); }),
                wrt(W, [x](const Var& dy) { return matmul(dy, x, Trans::yes); }),
                wrt(b, [](const Var& dy) { return dy; }));
}

// --- Rearrangements --------------------------------------------------------------------------
// These move elements; the derivative moves them back.

// y = x under another shape          dx = dy under x's shape
Var reshape(const Var& x, const Shape& shape) {
  return record("reshape", x.value().reshaped(shape),
                wrt(x, [from = x.shape()](const Var& dy) { return reshape(dy, from); }));
}

// y = x with two axes exchanged      dx = dy with the same two exchanged
Var transpose(const Var& x, int a, int b) {
  return record("transpose", transpose(x.value(), a, b),
                wrt(x, [a, b](const Var& dy) { return transpose(dy, a, b); }));
}

// y = positions begin .. end-1 of x along an axis            dx = dy there, zeros elsewhere
Var slice(const Var& x, int axis, Index begin, Index end) {
  return record("slice", slice(x.value(), axis, begin, end),
                wrt(x, [axis, begin, shape = x.shape()](const Var& dy) {
                  return pad(dy, axis, begin, shape[checked_axis("slice", axis, shape)]);
                }));
}

// y = x at positions begin .. of an axis of `size`, zeros elsewhere          dx = dy there
Var pad(const Var& x, int axis, Index begin, Index size) {
  return record("pad", pad(x.value(), axis, begin, size),
                wrt(x, [axis, begin, shape = x.shape()](const Var& dy) {
                  const Index n = shape[checked_axis("pad", axis, shape)];
                  return slice(dy, axis, begin, begin + n);
                }));
}

// y = the parts one after another along an axis      d(part) = the part's positions of dy
Var concat(const std::vector<Var>& parts, int axis) {
  std::vector<Tensor> values;
  std::vector<Index> begins{0};  // of each part in y, and the end of the last
  for (const Var& part : parts) {
    values.push_back(part.value());
    begins.push_back(begins.back() + part.shape()[checked_axis("concat", axis, part.shape())]);
  }
  return record_jointly("concat", concat(values, axis), parts,
                        [axis, parts, begins](const Var& dy, const Tape::Sink& to) {
                          for (std::size_t k = 0; k < parts.size(); ++k)
                            to.add(parts[k], slice(dy, axis, begins[k], begins[k + 1]));
                        });
}

// y[.., i, ..] = x[.., indices[i], ..]       dx[.., indices[i], ..] += dy[.., i, ..]
Var gather(const Var& x, const std::vector<Index>& indices, int axis) {
  Tensor y = gather(x.value(), indices, axis);
  return record("gather", std::move(y), wrt(x, [axis, shape = x.shape(), indices](const Var& dy) {
                  return scatter_add(dy, indices, shape[checked_axis("gather", axis, shape)], axis);
                }));
}

// y[.., indices[i], ..] += x[.., i, ..]      dx[.., i, ..] = dy[.., indices[i], ..]
Var scatter_add(const Var& x, const std::vector<Index>& indices, Index size, int axis) {
  Tensor y = scatter_add(x.value(), indices, size, axis);
  return record("scatter_add", std::move(y),
                wrt(x, [axis, indices](const Var& dy) { return gather(dy, indices, axis); }));
}

// y = x repeated to a shape          dx = dy summed over the repeated axes
Var broadcast_to(const Var& x, const Shape& shape) {
  return record("broadcast_to", broadcast_to(x.value(), shape),
                wrt(x, [](const Var& dy) { return dy; }));
}

// y = x summed to a shape from which it was repeated         dx = dy repeated
Var sum_to(const Var& x, const Shape& shape) {
  return record("sum_to", sum_to(x.value(), shape),
                wrt(x, [from = x.shape()](const Var& dy) { return broadcast_to(dy, from); }));
}

}  // namespace gradflow
