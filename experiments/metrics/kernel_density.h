// Kernel density: a Gaussian of one width around each known point. No model at all, and in few
// dimensions hard to beat.
//
//   p(x) = mean over the centres c of N(x; c, h^2 I)
//
//   Parzen, "On estimation of a probability density function and mode" (1962).
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

// centres (n, D), points (m, D) -> m numbers, in nats; in double, on all threads. Throws ShapeError
// for a width that is not above 0, for no centres, and if the sizes differ.
std::vector<double> kernel_log_density(const Tensor& centres, double width, const Tensor& points);

// The width, between 0.01 and 2, by which other points are likeliest: for standardised ones.
double choose_width(const Tensor& centres, const Tensor& points);

}  // namespace gradflow
