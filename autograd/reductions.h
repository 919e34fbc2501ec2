// Operations along an axis: sums, means, maxima, and what is made of them. Formulas, shapes and
// derivatives are in reductions.cpp.
//
// An axis may be negative: -1 is the last. A sum of no elements is 0; all others but cumsum need
// one element at least along the axis, and throw ShapeError if there is none.
//
// Read next: reductions.cpp.
#pragma once

#include "autograd/record.h"
#include "tensor/reduce.h"

namespace gradflow {

// Reductions, over everything (to a scalar) or along one axis
Var sum(const Var& x);
Var mean(const Var& x);
Var max(const Var& x);  // where several elements are largest they share the gradient evenly
Var logsumexp(const Var& x);
Var norm(const Var& x);      // the root of the sum of squares; derivative 0 where all are 0
Var variance(const Var& x);  // the mean square of x - mean(x); value and derivative 0 if all agree
Var sum(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var mean(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var max(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var logsumexp(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var norm(const Var& x, int axis, KeepAxis keep = KeepAxis::no);
Var variance(const Var& x, int axis, KeepAxis keep = KeepAxis::no);

// Of the shape of x, each element made of all those along an axis
Var softmax(const Var& x, int axis);
Var log_softmax(const Var& x, int axis);
enum class From { first, last };  // where a running sum begins
Var cumsum(const Var& x, int axis, From from = From::first);

}  // namespace gradflow
