#include "flows/matching/assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/error.h"

namespace gradflow {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Index kLargestByPaths = 256;  // measured: beyond it the simplex is faster

// The state of the search: a price v_j for each column, and pairs in which every row has one of its
// cheapest columns, c_ij - v_j. What is paired so is best; the parts below pair more and more rows.
class Search {
 public:
  Search(std::span<const double> costs, Index n)
      : costs_(costs), n_(n), v_(at(n)), row_(at(n), -1), column_(at(n), -1), wanted_(at(n)) {}

  Assignment run() {
    reduce_columns();
    transfer();
    for (int pass = 0; pass < 2 && n_ > 1; ++pass) reduce_rows();
    for (const Index row : free_) augment(row);
    return result();
  }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  double cost(Index i, Index j) const { return costs_[at(i * n_ + j)]; }
  void pair(Index i, Index j) {
    column_[at(i)] = j;
    row_[at(j)] = i;
  }

  // Each column's price is its smallest cost, and it goes to the row of that, if that one is free.
  void reduce_columns() {
    for (Index j = n_ - 1; j >= 0; --j) {
      Index best = 0;
      for (Index i = 1; i < n_; ++i)
        if (cost(i, j) < cost(best, j)) best = i;
      v_[at(j)] = cost(best, j);
      if (++wanted_[at(best)] == 1) pair(best, j);
    }
    for (Index i = 0; i < n_; ++i)
      if (column_[at(i)] < 0) free_.push_back(i);
  }

  // A row that is paired, and was wanted by one column only, makes its column cheaper by as much as
  // its second best is worse: others may then find their way.
  void transfer() {
    for (Index i = 0; i < n_; ++i) {
      const Index own = column_[at(i)];
      if (wanted_[at(i)] != 1 || n_ == 1) continue;
      double second = kInfinity;
      for (Index j = 0; j < n_; ++j)
        if (j != own) second = std::min(second, cost(i, j) - v_[at(j)]);
      v_[at(own)] -= second - (cost(i, own) - v_[at(own)]);
    }
  }

  // A free row takes its best column, at a price at which it does not care between that and its
  // second best; who had the column becomes free, and is next, or waits.
  void reduce_rows() {
    std::vector<Index> waiting, next = free_;
    Index patience = 10 * n_;  // with costs of very different size it could take for ever
    std::reverse(next.begin(), next.end());
    while (!next.empty()) {
      const Index i = next.back();
      next.pop_back();
      Index best = 0, other = -1;
      double least = cost(i, 0) - v_[0], second = kInfinity;
      for (Index j = 1; j < n_; ++j) {
        const double price = cost(i, j) - v_[at(j)];
        if (price < least) {
          second = std::exchange(least, price);
          other = std::exchange(best, j);
        } else if (price < second) {
          second = price;
          other = j;
        }
      }
      // A difference that vanishes in rounding would go round for ever.
      const double lower = v_[at(best)] - (second - least);
      const bool falls = lower < v_[at(best)];
      if (falls)
        v_[at(best)] = lower;
      else if (row_[at(best)] >= 0)
        best = other;
      const Index before = row_[at(best)];
      pair(i, best);
      if (before < 0) continue;
      column_[at(before)] = -1;
      (falls && --patience > 0 ? next : waiting).push_back(before);
    }
    free_ = std::move(waiting);
  }

  // Dijkstra's shortest path from a free row to a free column, along which all pairs are exchanged.
  void augment(Index start) {
    std::vector<double> distance(at(n_), kInfinity);
    std::vector<Index> from(at(n_), start), open(at(n_)), closed;
    std::iota(open.begin(), open.end(), Index{0});
    double reached = 0;
    Index row = start, end = -1;
    while (end < 0) {
      const Index own = column_[at(row)];
      const double price = own < 0 ? 0 : cost(row, own) - v_[at(own)] - reached;
      std::size_t nearest = 0;
      double least = kInfinity;
      for (std::size_t k = 0; k < open.size(); ++k) {
        const Index j = open[k];
        const double through = cost(row, j) - v_[at(j)] - price;
        if (through < distance[at(j)]) {
          distance[at(j)] = through;
          from[at(j)] = row;
        }
        if (distance[at(j)] < least || (distance[at(j)] == least && row_[at(j)] < 0)) {
          least = distance[at(j)];
          nearest = k;
        }
      }
      const Index j = open[nearest];
      open[nearest] = open.back();
      open.pop_back();
      reached = std::max(reached, least);  // rounding must not lead backwards
      if (row_[at(j)] < 0) {
        end = j;
      } else {
        closed.push_back(j);
        row = row_[at(j)];
      }
    }
    for (const Index j : closed) v_[at(j)] += distance[at(j)] - reached;
    for (Index j = end, i = -1; i != start;) {
      i = from[at(j)];
      row_[at(j)] = i;
      std::swap(j, column_[at(i)]);
    }
  }

  Assignment result() const {
    Assignment best{column_, std::vector<double>(at(n_)), v_, 0};
    for (Index i = 0; i < n_; ++i) {
      const Index j = column_[at(i)];
      best.u[at(i)] = cost(i, j) - v_[at(j)];
      best.cost += cost(i, j);
    }
    return best;
  }

  std::span<const double> costs_;
  Index n_;
  std::vector<double> v_;
  std::vector<Index> row_, column_;  // of each column, of each row; -1: it is free
  std::vector<Index> wanted_;        // of each row: by how many columns, at first
  std::vector<Index> free_;          // rows without a column
};

}  // namespace

void check_costs(std::span<const double> costs, Index n) {
  constexpr Index kMost = 1 << 30;  // whose square is still a number
  require(0 <= n && n <= kMost && std::ssize(costs) == n * n,
          "assign: {} costs for n = {} given; n^2 are required", costs.size(), n);
  for (std::size_t i = 0; i < costs.size(); ++i)
    require(std::isfinite(costs[i]), "assign: the cost {} of ({}, {}) given; finite ones", costs[i],
            static_cast<Index>(i) / n, static_cast<Index>(i) % n);
  if (n == 0) return;
  const auto [low, high] = std::minmax_element(costs.begin(), costs.end());
  require(std::isfinite(*high - *low),
          "assign: costs from {} to {} given; their difference must be finite", *low, *high);
}

Assignment assign(std::span<const double> costs, Index n) {
  if (n > kLargestByPaths)
    if (auto best = assign_by_simplex(costs, n)) return *std::move(best);
  return assign_by_paths(costs, n);
}

Assignment assign_by_paths(std::span<const double> costs, Index n) {
  check_costs(costs, n);
  return Search(costs, n).run();
}

std::vector<double> squared_distances(const Tensor& a, const Tensor& b) {
  require(a.rank() == 2 && b.rank() == 2 && a.shape()[1] == b.shape()[1],
          "squared_distances: {} and {} given; (n, D) and (m, D) are required", a.shape(),
          b.shape());
  const Index n = a.rows(), m = b.rows(), D = a.shape()[1];
  std::vector<double> costs(static_cast<std::size_t>(n * m));
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < m; ++j) {
      double squares = 0;
      for (Index k = 0; k < D; ++k) {
        const double distance = double{a.data()[i * D + k]} - double{b.data()[j * D + k]};
        squares += distance * distance;
      }
      costs[static_cast<std::size_t>(i * m + j)] = squares;
    }
  return costs;
}

}  // namespace gradflow
