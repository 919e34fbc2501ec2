#include "experiments/data/principal.h"

#include <cmath>
#include <numeric>

#include "autograd/ops.h"
#include "tensor/matmul.h"

namespace gradflow {
namespace {

constexpr int kIterations = 200;
constexpr double kNothing = 1e-6;  // of the first direction's length: what rounding leaves

double dot(const real* a, const real* b, Index n) { return std::inner_product(a, a + n, b, 0.0); }

// Makes the rows (k, D) orthonormal, one after another (Gram and Schmidt).
void orthonormalise(Tensor& rows) {
  const Index D = rows.shape()[1];
  real* const first = rows.mutable_data();
  const double longest = std::sqrt(dot(first, first, D));
  for (real* row = first; row != first + rows.size(); row += D) {
    for (const real* earlier = first; earlier != row; earlier += D) {
      const double along = dot(row, earlier, D);
      for (Index i = 0; i < D; ++i) row[i] -= static_cast<real>(along) * earlier[i];
    }
    const double length = std::sqrt(dot(row, row, D));
    require(length > kNothing * longest,
            "PrincipalComponents: {} components of points that differ in {} directions",
            rows.rows(), (row - first) / D);
    for (Index i = 0; i < D; ++i) row[i] = static_cast<real>(row[i] / length);
  }
}

}  // namespace

PrincipalComponents PrincipalComponents::of(const Tensor& points, Index k, Rng& rng) {
  require(points.rank() == 2 && 1 <= k && k <= points.shape()[1],
          "PrincipalComponents: {} components of points {} given; (N, D) and 1 to D are required",
          k, points.shape());
  PrincipalComponents result{gradflow::mean(Var(points), 0, KeepAxis::yes).value(),
                             rng.normal({k, points.shape()[1]})};
  const Tensor centred = (Var(points) - result.mean).value();
  const Tensor covariance =
      (Var(kernel::matmul(centred, centred, Trans::yes)) / static_cast<real>(points.rows()))
          .value();
  for (int i = 0; i < kIterations; ++i) {
    result.axes = kernel::matmul(result.axes, covariance);
    orthonormalise(result.axes);
  }
  orthonormalise(result.axes);  // what rounding has left of the first rows in the last ones
  return result;
}

Tensor PrincipalComponents::to_components(const Tensor& points) const {
  return kernel::matmul((Var(points) - mean).value(), axes, Trans::no, Trans::yes);
}

Tensor PrincipalComponents::to_data(const Tensor& components) const {
  return (Var(kernel::matmul(components, axes)) + mean).value();
}

}  // namespace gradflow
