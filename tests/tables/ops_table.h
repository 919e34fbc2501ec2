// The table of all operations: what the tests of autograd/ops.h have in common.
//
// The one idea: a row is an operation at certain shapes, the same in plain double arithmetic, how
// many roundings lie between the two, and where its random inputs are taken from. Every check runs
// over all rows (test_ops.cpp), so an operation that is added gets all of them with its rows; one
// that is declared and has no row fails the suite.
//
// Read next: ops_table.cpp (the rows), test_ops.cpp (the checks), test_ops_limits.cpp (extreme
// inputs and errors).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/reference.h"

namespace gradflow {

using Vars = std::vector<Var>;
using References = std::vector<Reference>;

// Where inputs lie. They are the points of an even grid, shuffled: no two of them are equal, and
// none is near 0 or another kink, so that the small steps of a difference do not cross one.
enum class Domain {
  any,       // -2 to 2
  positive,  // 0.5 to 2.5: for log, sqrt, odd powers
  nonzero,   // 0.5 to 2.5 in size, of either sign: for denominators
  uneven,    // -2 to 2, closer together at the lower end: none is the mean of all
  even,      // -2 to 2 in tenths, the even ones; with `odd`: two tensors that nowhere agree
  odd,       // the odd ones
  solvable,  // a square matrix whose diagonal, 1.5 to 2.5, is larger than the rest of a row
};

// How far a row's results may be from exact ones, in roundings (eps of `real`; one correctly
// rounded operation is half of one) of the result's own size. A gradient that is added up from
// several elements is allowed half a rounding more for each addition, all of the size of the terms.
struct Roundings {
  double value = 0, gradient = 0;
  double scale = 0;    // the least size counted, where results close to 0 are differences
  bool terms = false;  // a value is a sum: of the size of its terms, the plain form of |inputs|
};

struct OpCase {
  std::string name;  // as declared: "sum(x, axis, keep)"
  std::vector<Shape> shapes;
  Function f;
  std::function<Reference(const References&)> plain;
  Roundings roundings;
  std::vector<Domain> domains = {};  // of each input; `any` if left out
};

const std::vector<OpCase>& op_table();

std::vector<Tensor> inputs(const OpCase& op);
References references(const std::vector<Tensor>& values);
Vars constants(const std::vector<Tensor>& values);
std::string described(const OpCase& op);  // "matmul(A, B, ...) of (2, 3) (3, 4)"

}  // namespace gradflow
