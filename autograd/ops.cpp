// Every rule of calculus in gradflow, each beside the computation that it differentiates.
//
// How to read an entry: the comment has the formula, the shapes and the derivative; `record` gets
// the value, then one line for each argument that says what dy, the gradient of the result, makes
// of that argument's gradient. Shapes left out: elementwise operations keep them (or broadcast),
// and the engine sums a gradient over the axes along which its argument was repeated.
//
// To add an operation: write an entry here and its declaration in ops.h, a row in each of the
// tables tests/tables/ops_table.cpp, tests/tables/test_ops_limits.cpp and
// tests/oracle/test_oracle.cpp, and what PyTorch gets; the tests say what is missing. (For one in a
// header of its own the first table is enough: README.md shows how.)

#include "tensor/kernels/vector_math.h"
// ^ first: it must come before <cmath>

#include "autograd/ops.h"

namespace gradflow {

using kernel::map;

// --- Arithmetic ------------------------------------------------------------------------------

// y = a + b          da = dy          db = dy
Var add(const Var& a, const Var& b) {
  return record("add", map("add", a.value(), b.value(), std::plus()),
                wrt(a, [](const Var& dy) { return dy; }), wrt(b, [](const Var& dy) { return dy; }));
}

// y = a - b          da = dy          db = -dy
Var sub(const Var& a, const Var& b) {
  return record("sub", map("sub", a.value(), b.value(), std::minus()),
                wrt(a, [](const Var& dy) { return dy; }),
                wrt(b, [](const Var& dy) { return -dy; }));
}

// y = a b            da = dy b        db = dy a
Var mul(const Var& a, const Var& b) {
  return record("mul", map("mul", a.value(), b.value(), std::multiplies()),
                wrt(a, [b](const Var& dy) { return dy * b; }),
                wrt(b, [a](const Var& dy) { return dy * a; }));
}

// y = a / b          da = dy / b      db = -dy a / b^2 = -dy y / b
Var div(const Var& a, const Var& b) {
  return record("div", map("div", a.value(), b.value(), std::divides()),
                wrt(a, [b](const Var& dy) { return dy / b; }),
                wrt(b, [b](const Var& dy, const Var& y) { return -(dy * y / b); }));
}

// y = -x             dx = -dy
Var neg(const Var& x) {
  return record("neg", map("neg", x.value(), std::negate<>()),
                wrt(x, [](const Var& dy) { return -dy; }));
}

// --- Elementwise functions -------------------------------------------------------------------
// Where a function has no value, the result is NaN or infinity, as in <cmath>.

// y = e^x            dx = dy y
Var exp(const Var& x) {
  return record("exp", map("exp", x.value(), [](real v) { return std::exp(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy * y; }));
}

// y = log x          dx = dy / x
Var log(const Var& x) {
  return record("log", map("log", x.value(), [](real v) { return std::log(v); }),
                wrt(x, [x](const Var& dy) { return dy / x; }));
}

// y = sqrt x         dx = dy / (2 y)
Var sqrt(const Var& x) {
  return record("sqrt", map("sqrt", x.value(), [](real v) { return std::sqrt(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy / (2 * y); }));
}

// y = x^2            dx = dy 2 x
Var square(const Var& x) {
  return record("square", map("square", x.value(), [](real v) { return v * v; }),
                wrt(x, [x](const Var& dy) { return dy * (2 * x); }));
}

// y = x^p            dx = dy p x^(p-1), and 0 for p = 0, where the formula is 0 times infinity at 0
Var pow(const Var& x, real p) {
  return record("pow", map("pow", x.value(), [p](real v) { return std::pow(v, p); }),
                wrt(x, [x, p](const Var& dy) {
                  return p == 0 ? Var(zeros(dy.shape())) : dy * (p * pow(x, p - 1));
                }));
}

// y = sin x          dx = dy cos x
Var sin(const Var& x) {
  return record("sin", map("sin", x.value(), [](real v) { return std::sin(v); }),
                wrt(x, [x](const Var& dy) { return dy * cos(x); }));
}

// y = cos x          dx = -dy sin x
Var cos(const Var& x) {
  return record("cos", map("cos", x.value(), [](real v) { return std::cos(v); }),
                wrt(x, [x](const Var& dy) { return -(dy * sin(x)); }));
}

// y = |x|            dx = dy sign x, and 0 at 0
Var abs(const Var& x) {
  const auto sign = [](real v) { return v > 0 ? real{1} : v < 0 ? real{-1} : v * 0; };
  return record("abs", map("abs", x.value(), [](real v) { return std::abs(v); }),
                wrt(x, [x, sign](const Var& dy) { return dy * map("abs", x.value(), sign); }));
}

// y = tanh x         dx = dy (1 - y^2)
Var tanh(const Var& x) {
  return record("tanh", map("tanh", x.value(), [](real v) { return std::tanh(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy * (1 - square(y)); }));
}

// y = 1 / (1 + e^-x)         dx = dy y (1 - y)
Var sigmoid(const Var& x) {
  return record("sigmoid", map("sigmoid", x.value(), [](real v) { return 1 / (1 + std::exp(-v)); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy * (y * (1 - y)); }));
}

// y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where the exponent cannot overflow
//                            dx = dy sigmoid x
Var softplus(const Var& x) {
  const auto f = [](real v) { return (v > 0 ? v : real{0}) + std::log1p(std::exp(-std::abs(v))); };
  return record("softplus", map("softplus", x.value(), f),
                wrt(x, [x](const Var& dy) { return dy * sigmoid(x); }));
}

// y = max(x, 0)              dx = dy where x > 0, else 0
Var relu(const Var& x) {  // not std::max, and the test this way round: a NaN stays one
  return record("relu", map("relu", x.value(), [](real v) { return v <= 0 ? real{0} : v; }),
                wrt(x, [x](const Var& dy) {
                  return where(map("relu", x.value(), [](real v) { return real(v > 0); }), dy, 0);
                }));
}

// y = x where x > 0, else a x        dx = dy where x > 0, else a dy
Var leaky_relu(const Var& x, real a) {
  const auto slope = [a](real v) { return v > 0 ? real{1} : a; };
  return record(
      "leaky_relu", map("leaky_relu", x.value(), [slope](real v) { return slope(v) * v; }),
      wrt(x, [x, slope](const Var& dy) { return dy * map("leaky_relu", x.value(), slope); }));
}

// y = x s,  s = sigmoid x            dx = dy s (1 + x (1 - s))
Var silu(const Var& x) {
  return record("silu", map("silu", x.value(), [](real v) { return v / (1 + std::exp(-v)); }),
                wrt(x, [x](const Var& dy) {
                  const Var s = sigmoid(x);
                  return dy * (s * (1 + x * (1 - s)));
                }));
}

// y = min(max(x, low), high)         dx = dy where low <= x <= high, else 0
Var clamp(const Var& x, real low, real high) {
  require(low <= high, "clamp: low {} and high {} given; low must not exceed high", low, high);
  const auto f = [=](real v) { return v < low ? low : v > high ? high : v; };
  const auto inside = [=](real v) { return real(low <= v && v <= high); };
  return record("clamp", map("clamp", x.value(), f), wrt(x, [x, inside](const Var& dy) {
                  return where(map("clamp", x.value(), inside), dy, 0);
                }));
}

// y = a where mask, else b           da = dy where mask, else 0          db = the others
Var where(const Tensor& mask, const Var& a, const Var& b) {
  const auto choose = [](real m, real p, real q) { return m != 0 ? p : q; };
  return record("where", map("where", mask, a.value(), b.value(), choose),
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

// The axis of an operation that is made of others, so that errors name it and not them.
int axis_of(const char* op, int axis, const Var& x) {
  Recorder::tracks(op, x);
  return nonempty_axis(op, axis, x.shape());
}

// reshape() to one axis, by the name of the operation that asks for it.
Var flat(const char* op, const Var& x) {
  return record(op, x.value().reshaped(Shape{x.value().size()}),
                wrt(x, [from = x.shape()](const Var& dy) { return reshape(dy, from); }));
}

}  // namespace

// y = sum of x along an axis         x (.., n, ..)   y (.., ..) or (.., 1, ..)
//                                    dx = dy at every position of the axis
Var sum(const Var& x, int axis, KeepAxis keep) {
  return record("sum", kernel::sum(x.value(), axis, keep),
                wrt(x, [axis, shape = x.shape()](const Var& dy) {
                  return broadcast_to(with_axis(dy, axis, shape), shape);
                }));
}

// y = largest x along an axis        dx = dy where x = y (shared among equals), else 0
Var max(const Var& x, int axis, KeepAxis keep) {
  return record("max", kernel::max(x.value(), axis, keep), wrt(x, [x, axis](const Var& dy) {
                  const auto equal = [](real a, real b) { return real(a == b); };
                  const Var largest =
                      map("max", x.value(), kernel::max(x.value(), axis, KeepAxis::yes), equal);
                  const Var share = largest / sum(largest, axis, KeepAxis::yes);
                  return with_axis(dy, axis, x.shape()) * share;
                }));
}

// y = (1/n) sum of x along an axis of size n
Var mean(const Var& x, int axis, KeepAxis keep) {
  axis = axis_of("mean", axis, x);
  return sum(x, axis, keep) / real(x.shape()[axis]);
}

// y = log of the sum of e^x along an axis = log(sum of e^(x - c)) + c with c = the largest x, so
// that nothing overflows. An infinite one is not subtracted: inf - inf is NaN, the answer +-inf.
Var logsumexp(const Var& x, int axis, KeepAxis keep) {
  axis = axis_of("logsumexp", axis, x);
  const auto finite = [](real v) { return std::isinf(v) ? 0 : v; };
  const Var c = map("logsumexp", kernel::max(x.value(), axis, KeepAxis::yes), finite);
  const Var y = log(sum(exp(x - c), axis, keep));
  return y + reshape(c, y.shape());
}

// y = (1/n) sum of all n elements of x               dx = dy / n everywhere
Var mean(const Var& x) {  // the end of nearly every loss: with a rule of its own
  require(x.value().size() > 0, "mean: shape {} given; at least one element is required",
          x.shape());
  const auto n = real(x.value().size());
  return record(
      "mean", Tensor::scalar(kernel::sum_to(x.value(), {}).item() / n),
      wrt(x, [n, shape = x.shape()](const Var& dy) { return broadcast_to(dy / n, shape); }));
}

// y = sum of all elements of x
Var sum(const Var& x) { return sum(flat("sum", x), 0); }
// y = the largest of all elements of x
Var max(const Var& x) { return max(flat("max", x), 0); }
// y = log of the sum of e^x over all elements
Var logsumexp(const Var& x) { return logsumexp(flat("logsumexp", x), 0); }

// --- Matrices --------------------------------------------------------------------------------

// C = A B            A (m, k)   B (k, n)   C (m, n)          dA = dC B^T      dB = A^T dC
// and, where A or B enters transposed, the transposes of these.
Var matmul(const Var& A, const Var& B, Trans ta, Trans tb) {
  const auto flipped = [](Trans t) { return t == Trans::no ? Trans::yes : Trans::no; };
  const auto dA = [=](const Var& dC) {
    return ta == Trans::no ? matmul(dC, B, Trans::no, flipped(tb)) : matmul(B, dC, tb, Trans::yes);
  };
  const auto dB = [=](const Var& dC) {
    return tb == Trans::no ? matmul(A, dC, flipped(ta), Trans::no) : matmul(dC, A, Trans::yes, ta);
  };
  return record("matmul", kernel::matmul(A.value(), B.value(), ta, tb), wrt(A, dA), wrt(B, dB));
}

// y = x W^T + b      x (B, in)   W (out, in)   b (out)   y (B, out)
//                    dx = dy W        dW = dy^T x        db = dy (summed over the batch)
Var linear(const Var& x, const Var& W, const Var& b) {
  return record("linear", kernel::affine(x.value(), W.value(), b.value()),
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
  return record("transpose", kernel::transpose(x.value(), a, b),
                wrt(x, [a, b](const Var& dy) { return transpose(dy, a, b); }));
}

// y = positions begin .. end-1 of x along an axis            dx = dy there, zeros elsewhere
Var slice(const Var& x, int axis, Index begin, Index end) {
  return record("slice", kernel::slice(x.value(), axis, begin, end),
                wrt(x, [axis, begin, shape = x.shape()](const Var& dy) {
                  return pad(dy, axis, begin, shape[checked_axis("slice", axis, shape)]);
                }));
}

// y = x at positions begin .. of an axis of `size`, zeros elsewhere          dx = dy there
Var pad(const Var& x, int axis, Index begin, Index size) {
  return record("pad", kernel::pad(x.value(), axis, begin, size),
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
  return record("concat", kernel::concat(values, axis), parts,
                [axis, begins](const Var& dy, std::size_t k) {
                  return slice(dy, axis, begins[k], begins[k + 1]);
                });
}

// y[.., i, ..] = x[.., indices[i], ..]       dx[.., indices[i], ..] += dy[.., i, ..]
Var gather(const Var& x, const std::vector<Index>& indices, int axis) {
  return record("gather", kernel::gather(x.value(), indices, axis),
                wrt(x, [axis, shape = x.shape(), indices](const Var& dy) {
                  return scatter_add(dy, indices, shape[checked_axis("gather", axis, shape)], axis);
                }));
}

// y[.., indices[i], ..] += x[.., i, ..]      dx[.., i, ..] = dy[.., indices[i], ..]
Var scatter_add(const Var& x, const std::vector<Index>& indices, Index size, int axis) {
  return record("scatter_add", kernel::scatter_add(x.value(), indices, size, axis),
                wrt(x, [axis, indices](const Var& dy) { return gather(dy, indices, axis); }));
}

// y = x repeated to a shape          dx = dy summed over the repeated axes
Var broadcast_to(const Var& x, const Shape& shape) {
  return record("broadcast_to", kernel::broadcast_to(x.value(), shape),
                wrt(x, [](const Var& dy) { return dy; }));
}

// y = x summed to a shape from which it was repeated         dx = dy repeated
Var sum_to(const Var& x, const Shape& shape) {
  return record("sum_to", kernel::sum_to(x.value(), shape),
                wrt(x, [from = x.shape()](const Var& dy) { return broadcast_to(dy, from); }));
}

}  // namespace gradflow
