#include "experiments/data/data_set.h"

#include <cmath>

#include "tensor/error.h"

namespace gradflow {

std::function<Tensor(const Tensor& points)> log_of(std::function<double(double, double)> density) {
  return [density = std::move(density)](const Tensor& points) {
    require(points.rank() == 2 && points.shape()[1] == 2,
            "log_density: points {} given; (N, 2) is required", points.shape());
    Tensor result(Shape{points.rows()});
    real* out = result.mutable_data();
    for (Index i = 0; i < points.rows(); ++i)
      out[i] = static_cast<real>(std::log(density(points.data()[2 * i], points.data()[2 * i + 1])));
    return result;
  };
}

}  // namespace gradflow
