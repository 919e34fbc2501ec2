#include "flows/bijection.h"

#include <fmt/format.h>

namespace gradflow {
namespace {

bool is_none(const Var& x) { return x.shape() == Shape{0}; }

void check(const Bijection& map, const char* direction, const Var& points, const Var& context) {
  const Shape& shape = points.shape();
  const Index size = map.context();
  const bool right = shape.rank() == 2 && shape[1] == map.dim() &&
                     (size == 0 ? is_none(context) : context.shape() == Shape{shape[0], size});
  if (right) return;  // what follows says what is wrong
  const std::string called = fmt::format("{}::{}", map.name(), direction);
  check_points(called, points, map.dim());
  check_context(called, context, points.rows(), size);
}

// A map that keeps volume leaves its log-determinant out.
Mapped with_log_det(Mapped mapped, LogDet log_det) {
  if (log_det == LogDet::no)
    mapped.log_det = Tensor();
  else if (is_none(mapped.log_det))
    mapped.log_det = zeros(Shape{mapped.points.rows()});
  return mapped;
}

}  // namespace

void check_points(std::string_view called, const Var& points, Index dim) {
  require(points.shape().rank() == 2 && points.shape()[1] == dim,
          "{}: points {} given; (B, {}) are required", called, points.shape(), dim);
}

void check_context(std::string_view called, const Var& context, Index points, Index size) {
  if (size == 0)
    require(is_none(context), "{}: context {} given; none is taken", called, context.shape());
  else
    require(context.shape() == Shape{points, size}, "{}: context {} given; ({}, {}) is required",
            called, context.shape(), points, size);
}

Var added(const Var& log_det, const Var& other) {
  if (is_none(other)) return log_det;
  return is_none(log_det) ? other : log_det + other;
}

Mapped Bijection::to_latent(const Var& x, const Var& context, LogDet log_det) const {
  check(*this, "to_latent", x, context);
  return with_log_det(map_to_latent(x, context, log_det), log_det);
}

Mapped Bijection::to_data(const Var& z, const Var& context, LogDet log_det) const {
  check(*this, "to_data", z, context);
  return with_log_det(map_to_data(z, context, log_det), log_det);
}

void Bijection::initialise(const Tensor& x, const Tensor& context) {
  check(*this, "initialise", x, context);
  const Unrecorded unrecorded;
  begin_with(x, context);
}

Mapped Bijection::part_to_latent(const Bijection& part, const Var& x, const Var& context,
                                 LogDet log_det) {
  return part.map_to_latent(x, part.context() == 0 ? no_context : context, log_det);
}

Mapped Bijection::part_to_data(const Bijection& part, const Var& z, const Var& context,
                               LogDet log_det) {
  return part.map_to_data(z, part.context() == 0 ? no_context : context, log_det);
}

}  // namespace gradflow
