// Matrices: products, and the solution of triangular systems. Formulas, shapes and derivatives are
// in linalg.cpp.
//
// Read next: linalg.cpp.
#pragma once

#include "autograd/record.h"
#include "tensor/matmul.h"

namespace gradflow {

Var matmul(const Var& A, const Var& B, Trans trans_a = Trans::no, Trans trans_b = Trans::no);
Var linear(const Var& x, const Var& W, const Var& b);  // x W^T + b

// Which half of a square matrix is read, the diagonal included; the other half may hold anything.
enum class Triangle { lower, upper };
// Whether the diagonal is read as well, or taken to be all ones.
enum class Diagonal { given, unit };
// X of L X = B, or of L^T X = B if trans says so:   L (n, n)   B (n, m)   X (n, m)
// A 0 on the diagonal gives what dividing by it gives. Throws ShapeError for other shapes.
Var solve_triangular(const Var& L, const Var& B, Triangle triangle = Triangle::lower,
                     Trans trans = Trans::no, Diagonal diagonal = Diagonal::given);

}  // namespace gradflow
