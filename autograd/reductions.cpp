// The rules of operations along an axis, each beside its value (ops.cpp says how to read them).
//
// Every sum is taken by kernel::sum, which keeps the digits of a float however long the axis is.

#include <cmath>

#include "autograd/ops.h"

namespace gradflow {

using kernel::map;

namespace {

// The gradient of a result that has lost `axis`, with the axis back (size 1): ready to broadcast.
Var with_axis(const Var& dy, int axis, const Shape& x_shape) {
  axis = checked_axis("reduce", axis, x_shape);
  return dy.shape().rank() == x_shape.rank() ? dy : reshape(dy, x_shape.with(axis, 1));
}

// The axis of an operation, from 0 on, with one element at least. Asked first by those that are
// made of other operations, so that errors name them and not the others. (tracks() is called for
// its error: an x of another tape.)
int axis_of(const char* op, int axis, const Var& x) {
  Recorder::tracks(op, x);
  return nonempty_axis(op, axis, x.shape());
}

// x as one axis, for an operation over all elements, by whose name it is recorded.
Var flat(const char* op, const Var& x) {
  Recorder::tracks(op, x);
  require(x.value().size() > 0, "{}: shape {} given; at least one element is required", op,
          x.shape());
  return record(op, x.value().reshaped(Shape{x.value().size()}),
                wrt(x, [from = x.shape()](const Var& dy) { return reshape(dy, from); }));
}

// The largest x along an axis, which stays; but 0 where that is infinite, as inf - inf is NaN. What
// is left when it is subtracted has exponentials that do not overflow.
Tensor offset(const char* op, const Tensor& x, int axis) {
  const auto finite = [](real v) { return std::isinf(v) ? 0 : v; };
  return map(op, kernel::max(x, axis, KeepAxis::yes), finite);
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

// y = (1/n) sum of x along an axis of size n         dx = dy / n at every position of the axis
Var mean(const Var& x, int axis, KeepAxis keep) {
  return record("mean", kernel::mean(x.value(), axis, keep),
                wrt(x, [axis, shape = x.shape()](const Var& dy) {
                  const auto n = real(shape[checked_axis("mean", axis, shape)]);
                  return broadcast_to(with_axis(dy / n, axis, shape), shape);
                }));
}

// y = log of the sum of e^x along an axis = log(sum of e^(x - c)) + c with c = the largest x, so
// that nothing overflows.
Var logsumexp(const Var& x, int axis, KeepAxis keep) {
  axis = axis_of("logsumexp", axis, x);
  const Var c = offset("logsumexp", x.value(), axis);
  const Var y = log(sum(exp(x - c), axis, keep));
  return y + reshape(c, y.shape());
}

// y = e^x / sum of e^x along an axis, in which a factor e^-c cancels, c = the largest x
//                                    dx = y (dy - sum of dy y)
Var softmax(const Var& x, int axis) {
  axis = axis_of("softmax", axis, x);
  const Var e = exp(x.value() - offset("softmax", x.value(), axis));
  return record("softmax", e / sum(e, axis, KeepAxis::yes),
                wrt(x, [axis](const Var& dy, const Var& y) {
                  return y * (dy - sum(dy * y, axis, KeepAxis::yes));
                }));
}

// y = log softmax x = s - log(sum of e^s along an axis),  s = x - c, c = the largest x
//                                    dx = dy - e^y sum of dy
Var log_softmax(const Var& x, int axis) {  // not x - logsumexp x: two large numbers may be near
  axis = axis_of("log_softmax", axis, x);
  const Var s = x.value() - offset("log_softmax", x.value(), axis);
  return record("log_softmax", s - log(sum(exp(s), axis, KeepAxis::yes)),
                wrt(x, [axis](const Var& dy, const Var& y) {
                  return dy - exp(y) * sum(dy, axis, KeepAxis::yes);
                }));
}

// y = (sum of x^2 along an axis)^(1/2) = c (sum of (x / c)^2)^(1/2) with c = the largest |x|, so
// that no square overflows or vanishes.
//                                    dx = dy x / y, and 0 where y = 0
Var norm(const Var& x, int axis, KeepAxis keep) {
  axis = axis_of("norm", axis, x);
  const auto usable = [](real v) { return v == 0 || std::isinf(v) ? 1 : v; };
  const Var c = map("norm", max(abs(x.value()), axis, KeepAxis::yes).value(), usable);
  const Var root = sqrt(sum(square(x.value() / c), axis, keep));
  return record("norm", reshape(c, root.shape()) * root,
                wrt(x, [x, axis](const Var& dy, const Var& length) {
                  const Var r = with_axis(length, axis, x.shape());
                  const Tensor zero = map("norm", r.value(), [](real v) { return real(v == 0); });
                  const Var direction = x / where(zero, 1, r);
                  return where(zero, 0, with_axis(dy, axis, x.shape()) * direction);
                }));
}

namespace {

// x - mean(x) along an axis. The mean is rounded, and so wrong by a little; the mean of what is
// left says by how much. So numbers that differ in their last places alone keep their variance.
// (The second mean is 0 as a function of x, and is treated as a constant.)
Var deviation(const Var& x, int axis) {
  const Var first = x - mean(x, axis, KeepAxis::yes);
  return first - mean(first.value(), axis, KeepAxis::yes);
}

}  // namespace

// y = (1/n) sum of (x - mean of x)^2 along an axis of size n, the variance of these n numbers (not
// the estimate, with n - 1, of the variance of those they were drawn from)
//                                    dx = dy (2/n) (x - mean of x)
Var variance(const Var& x, int axis, KeepAxis keep) {
  axis = axis_of("variance", axis, x);
  return record("variance", mean(square(deviation(x.value(), axis)), axis, keep),
                wrt(x, [x, axis](const Var& dy) {
                  const real scale = 2 / real(x.shape()[axis]);
                  return with_axis(dy, axis, x.shape()) * (scale * deviation(x, axis));
                }));
}

namespace {

// Added up in double, as any sum: the last of a million must be as good as the first.
Tensor running_sum(const Tensor& x, int axis, From from) {
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  Tensor y(x.shape());
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o) {
    std::vector<Carried> sums(static_cast<std::size_t>(inner), 0);
    for (Index i = 0; i < n; ++i) {
      Index at = (o * n + (from == From::first ? i : n - 1 - i)) * inner;
      for (auto& sum : sums) {
        sum += x.data()[at];
        out[at++] = static_cast<real>(sum);
      }
    }
  }
  return y;
}

}  // namespace

// y_i = x_0 + .. + x_i along an axis           dx_i = dy_i + .. + dy_{n-1}, which is a running sum
// or, from the last, x_i + .. + x_{n-1}        from the other end
Var cumsum(const Var& x, int axis, From from) {
  axis = checked_axis("cumsum", axis, x.shape());
  return record("cumsum", running_sum(x.value(), axis, from), wrt(x, [axis, from](const Var& dy) {
                  return cumsum(dy, axis, from == From::first ? From::last : From::first);
                }));
}

// y = sum of all elements of x                       dx = dy everywhere
Var sum(const Var& x) {
  return record("sum", kernel::sum_to(x.value(), {}),
                wrt(x, [shape = x.shape()](const Var& dy) { return broadcast_to(dy, shape); }));
}

// y = (1/n) sum of all n elements of x               dx = dy / n everywhere
Var mean(const Var& x) {  // the end of nearly every loss: with a rule of its own
  require(x.value().size() > 0, "mean: shape {} given; at least one element is required",
          x.shape());
  const auto n = real(x.value().size());
  return record(
      "mean", kernel::mean(x.value().reshaped(Shape{x.value().size()}), 0),
      wrt(x, [n, shape = x.shape()](const Var& dy) { return broadcast_to(dy / n, shape); }));
}

// y = the largest of all elements of x
Var max(const Var& x) { return max(flat("max", x), 0); }
// y = log of the sum of e^x over all elements
Var logsumexp(const Var& x) { return logsumexp(flat("logsumexp", x), 0); }
// y = the norm of all elements of x
Var norm(const Var& x) { return norm(flat("norm", x), 0); }
// y = the variance of all elements of x
Var variance(const Var& x) { return variance(flat("variance", x), 0); }

}  // namespace gradflow
