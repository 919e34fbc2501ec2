#include "experiments/data/checkerboard.h"

#include <cmath>

namespace gradflow {
namespace {

double square_of(double x) { return std::floor(x / 2); }  // -2 ... 1

// x anywhere, and y in one of the two black squares of its column.
Data sample_board(Index n, Rng& rng) {
  const Tensor u = rng.uniform({n, 2});
  const std::vector<Index> lower = rng.integers(2, n);
  Data data{rng.uniform({n, 2}, -4, 4), {}};
  real* at = data.points.mutable_data();
  for (Index i = 0; i < n; ++i, at += 2) {
    const double odd = std::abs(std::fmod(square_of(at[0]), 2));
    const double y = u.data()[2 * i] - 2.0 * static_cast<double>(lower[std::size_t(i)]) + odd;
    at[1] = static_cast<real>(2 * y);
  }
  return data;
}

double board_density(double x, double y) {
  const bool inside = std::abs(x) < 4 && std::abs(y) < 4;
  const bool black = std::fmod(square_of(x) + square_of(y), 2) == 0;
  return inside && black ? 1.0 / 32 : 0;
}

}  // namespace

DataSet checkerboard() {
  const double deviation = std::sqrt(16.0 / 3);
  return {.name = "checkerboard",
          .sample = sample_board,
          .log_density = log_of(board_density),
          .entropy = std::log(32),
          .mean = {0, 0},
          .deviation = {deviation, deviation},
          .limits = {{-4, 4}, {-4, 4}},
          .edges = true};
}

}  // namespace gradflow
