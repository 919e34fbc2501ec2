// Assignment: n workers, n jobs, a cost for each pair; who does what, so that the sum is smallest?
//
// The one idea: prices prove it. If u_i + v_j <= c_ij for all pairs, no assignment costs less than
// sum u + sum v; an assignment that costs just that is therefore the best. The methods look for
// both at once, and return both: the prices are the certificate, which anybody can check.
//
// Between the points of two samples of one size, with squared distances as costs, it is optimal
// transport: the least that has to be moved, and how far, to make one sample of the other.
//
// Read next: pairing.h.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

struct Assignment {
  std::vector<Index> column;  // of each row: a permutation
  std::vector<double> u, v;   // the prices of rows and columns: u_i + v_j <= c_ij
  double cost = 0;            // sum of c_ij over the pairs
};

// Throws ShapeError unless these are n x n costs that are finite, as are their differences.
void check_costs(std::span<const double> costs, Index n);

// Of the n x n costs, row by row, by the method that is faster for that n. Where several are best
// it is one of them, the same each time. Throws as check_costs().
Assignment assign(std::span<const double> costs, Index n);

// By shortest augmenting paths, exactly: Jonker and Volgenant, "A shortest augmenting path
// algorithm for dense and sparse linear assignment problems" (1987).
Assignment assign_by_paths(std::span<const double> costs, Index n);

// By the network simplex of LEMON, on costs rounded to 2^-40 of their range, so that the result is
// the same on every machine; the prices are those of the rounded costs. Nothing if the library was
// built without it.
std::optional<Assignment> assign_by_simplex(std::span<const double> costs, Index n);

// |a_i - b_j|^2 in double: n m numbers, row by row, of a (n, D) and b (m, D). Throws ShapeError for
// other shapes.
std::vector<double> squared_distances(const Tensor& a, const Tensor& b);

}  // namespace gradflow
