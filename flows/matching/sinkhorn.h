// Sinkhorn: optimal transport that is a little blurred: the plan P >= 0 with given sums of rows and
// columns that makes sum P_ij c_ij - epsilon H(P) smallest, H the entropy.
//
// The one idea: it has the form P_ij = exp(f_i + g_j - c_ij / epsilon). So set f so that the rows
// are right, then g so that the columns are, and so on, until both are. All in logarithms: exp(-c /
// epsilon) itself is 0 for a float where c is 88 epsilon.
//   Cuturi, "Sinkhorn distances" (2013).
//
// With epsilon -> 0 it becomes the assignment, with epsilon -> infinity everybody goes everywhere.
//
// Read next: pairing.h.
#pragma once

#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

struct SinkhornOptions {     // how far to go
  double epsilon = 1;        // more than 0
  double tolerance = 1e-9;   // of the sum over the columns' errors, looked at in every tenth round
  Index most_rounds = 1000;  // before it gives up
};

struct EntropicPlan {             // how much of each row goes to each column
  std::vector<double> log_share;  // (n m), row by row: log P_ij; the sum of P is 1
  double cost = 0;                // sum P_ij c_ij
  double error = 0;               // sum over the columns of |their sum - 1 / m|
  Index rounds = 0;               // that it took
};

// Of the n x m costs, row by row; every row's sum is 1 / n, every column's 1 / m. Throws ShapeError
// for another number of costs, or none, costs that are not finite, an epsilon that is not above 0,
// and a tolerance below.
EntropicPlan sinkhorn(std::span<const double> costs, Index n, Index m,
                      const SinkhornOptions& options);

}  // namespace gradflow
