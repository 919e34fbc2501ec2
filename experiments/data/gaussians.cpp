#include "experiments/data/gaussians.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "experiments/data/blurred.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {

DataSet eight_gaussians(double radius, double noise) {
  std::vector<Point2> places;
  std::vector<std::string> classes;
  for (int k = 0; k < 8; ++k) {
    const double angle = k * std::numbers::pi / 4;
    places.push_back({radius * math::cos(angle), radius * math::sin(angle)});
    classes.push_back(fmt::format("{} degrees", 45 * k));
  }
  return blurred("eight_gaussians", places, noise, classes);
}

DataSet diamond() {
  constexpr int kSide = 20;
  std::vector<Point2> places;
  for (int i = 0; i < kSide; ++i)
    for (int k = 0; k < kSide; ++k) {
      const double u = -2.5 + 5.0 * i / (kSide - 1), v = -2.5 + 5.0 * k / (kSide - 1);
      places.push_back({(u + v) / std::numbers::sqrt2, (v - u) / std::numbers::sqrt2});
    }
  return blurred("diamond", places, 0.04);
}

}  // namespace gradflow
