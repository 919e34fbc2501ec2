#include "experiments/data/data_set.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

std::function<Tensor(const Tensor& points)> at_each_point(PlaneFunction log_density) {
  return [log_density = std::move(log_density)](const Tensor& points) {
    require(points.rank() == 2 && points.shape()[1] == 2,
            "log_density: points {} given; (N, 2) is required", points.shape());
    constexpr Index kPart = 1024;  // points for a thread at a time
    const Index n = points.rows();
    Tensor result(Shape{n});
    real* out = result.mutable_data();
    const real* in = points.data();
    parallel_for((n + kPart - 1) / kPart, [&](Index part) {
      for (Index i = part * kPart; i < std::min(n, (part + 1) * kPart); ++i)
        out[i] = static_cast<real>(log_density(in[2 * i], in[2 * i + 1]));
    });
    return result;
  };
}

Data exactly(Index n, const DataSet& set, Rng& rng) {
  Data data = set.sample(n + 8, rng);  // a few: less than the classes, eight at the most
  data.points = data.points.rows(0, n);
  if (!data.labels.empty()) data.labels.resize(static_cast<std::size_t>(n));
  return data;
}

std::function<Tensor(const Tensor& points)> log_of(PlaneFunction density) {
  return at_each_point(
      [density = std::move(density)](double x, double y) { return std::log(density(x, y)); });
}

// If y = f x + b on both axes, p_y(y) = p_x(x) / f^2: an entropy grows by 2 log f.
DataSet scaled(DataSet set, double factor, Point2 shift, std::string name) {
  require(factor > 0, "scaled: a factor of {} given; it is to be above 0", factor);
  const real f = static_cast<real>(factor);
  const Var offset = Tensor(Shape{1, 2}, {real(shift[0]), real(shift[1])});
  const auto move = [factor](Interval& range, double by) {
    range = {factor * range.low + by, factor * range.high + by};
  };
  DataSet result = set;
  result.name = std::move(name);
  result.sample = [sample = set.sample, f, offset](Index n, Rng& rng) {
    Data data = sample(n, rng);
    data.points = (f * Var(data.points) + offset).value();
    return data;
  };
  const real grown = static_cast<real>(2 * std::log(factor));
  result.log_density = [log_density = set.log_density, f, offset, grown](const Tensor& points) {
    return (Var(log_density(((points - offset) / f).value())) - grown).value();
  };
  result.entropy = set.entropy + 2 * std::log(factor);
  for (const std::size_t axis : {0u, 1u}) {
    result.mean[axis] = factor * set.mean[axis] + shift[axis];
    result.deviation[axis] = factor * set.deviation[axis];
  }
  move(result.limits.x, shift[0]);
  move(result.limits.y, shift[1]);
  return result;
}

}  // namespace gradflow
