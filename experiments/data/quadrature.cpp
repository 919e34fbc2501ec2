#include "experiments/data/quadrature.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

struct Legendre {  // the polynomial P_n at z, and its derivative
  double value, slope;
};

// k P_k = (2k - 1) z P_(k-1) - (k - 1) P_(k-2), and (z^2 - 1) P_n' = n (z P_n - P_(n-1))
Legendre legendre(int n, double z) {
  double before = 1, now = z;
  for (int k = 2; k <= n; ++k)
    before = std::exchange(now, ((2 * k - 1) * z * now - (k - 1) * before) / k);
  return {now, n * (z * now - before) / (z * z - 1)};
}

}  // namespace

// The places are the roots of P_n, found by Newton's method from a good guess; the weights are
// 2 / ((1 - z^2) P_n'(z)^2). Abramowitz and Stegun, 25.4.29.
std::vector<Node> gauss_legendre(int n, Interval over) {
  const double middle = (over.low + over.high) / 2, half = (over.high - over.low) / 2;
  std::vector<Node> nodes;
  for (int i = 0; i < n; ++i) {
    double z = -std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5));
    for (int step = 0; step < 5; ++step) {
      const Legendre p = legendre(n, z);
      z -= p.value / p.slope;
    }
    const double slope = legendre(n, z).slope;
    nodes.push_back({middle + half * z, half * 2 / ((1 - z * z) * slope * slope)});
  }
  return nodes;
}

double integral(const Limits& over, double cell, const std::function<double(double, double)>& f) {
  const double width = over.x.high - over.x.low, height = over.y.high - over.y.low;
  const auto columns = static_cast<Index>(std::ceil(width / cell));
  const auto rows = static_cast<Index>(std::ceil(height / cell));
  const double dx = width / static_cast<double>(columns), dy = height / static_cast<double>(rows);
  std::vector<double> sums(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](Index k) {
    double& sum = sums[static_cast<std::size_t>(k)];
    for (Index i = 0; i < columns; ++i)
      sum += f(over.x.low + (static_cast<double>(i) + 0.5) * dx,
               over.y.low + (static_cast<double>(k) + 0.5) * dy);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0) * dx * dy;
}

}  // namespace gradflow
