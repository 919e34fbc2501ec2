#include "flows/ode/adaptive.h"

#include <algorithm>
#include <cmath>

#include "tensor/kernels/vector_math.h"

namespace gradflow {

double largest_row_error(const Tensor& e, const Tensor& y, const Tensor& y_1,
                         const Adaptive& allowed) {
  const Index B = e.rows(), D = e.shape()[1];
  double largest = 0;
  for (Index b = 0; b < B; ++b) {
    double squares = 0;
    for (Index i = b * D; i < (b + 1) * D; ++i) {
      const double size = std::max(std::abs(double{y.data()[i]}), std::abs(double{y_1.data()[i]}));
      const double share = double{e.data()[i]} / (allowed.absolute + allowed.relative * size);
      squares += share * share;
    }
    if (std::isnan(squares)) return squares;
    largest = std::max(largest, squares / static_cast<double>(D));
  }
  return std::sqrt(largest);
}

double first_step(Asked& field, const Var& y, const Var& k, const Span& span, int order,
                  const Adaptive& allowed) {
  const Unrecorded unrecorded;
  const Tensor& start = y.value();
  const auto size = [&](const Tensor& x) { return largest_row_error(x, start, start, allowed); };
  const double d_0 = size(start), d_1 = size(k.value());
  const double tiny = 1e-5, longest = std::abs(span.to - span.from);
  const double h_0 = std::min(longest, d_0 < tiny || d_1 < tiny ? 1e-6 : 0.01 * d_0 / d_1);
  const double h = span.to < span.from ? -h_0 : h_0;
  const double there = h_0 < longest ? span.from + h : span.to;  // never beyond the span
  Tensor change = field(led(start, {k.value()}, {1}, h), there).value();
  kernel::add_in_place(change, k.value(), -1);
  const double d_2 = size(change) / h_0, most = std::max(d_1, d_2);
  const double h_1 =
      most <= 1e-15 ? std::max(1e-6, 1e-3 * h_0) : math::pow(0.01 / most, 1. / order);
  return std::min({100 * h_0, h_1, longest});
}

double size_factor(double error, int order, bool growing) {
  const double right = 0.9 * math::pow(error, -1. / order);
  return error <= 1 ? std::clamp(right, 1., growing ? 10. : 1.) : std::clamp(right, 0.2, 0.9);
}

}  // namespace gradflow
