#include "experiments/data/blurred.h"

#include <cmath>
#include <memory>
#include <numbers>

#include "experiments/data/quadrature.h"
#include "experiments/data/spread.h"
#include "tensor/error.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

double distance(const Point2& a, const Point2& b) { return std::hypot(a[0] - b[0], a[1] - b[1]); }

// Along its chords: good enough to choose a number of nodes.
double length(const PlaneCurve& curve) {
  constexpr int kChords = 1000;
  double sum = 0;
  for (int i = 0; i < kChords; ++i) {
    const auto at = [&](int k) {
      return curve.at(curve.t.low + (curve.t.high - curve.t.low) * k / kChords);
    };
    sum += distance(at(i), at(i + 1));
  }
  return sum;
}

// Three nodes for each s of its length, and some for its ends.
void add_along(Spread& spread, const PlaneCurve& curve, double share) {
  const int nodes = 30 + static_cast<int>(3 * length(curve) / spread.s());
  for (const Node& node : gauss_legendre(nodes, curve.t))
    spread.add(curve.at(node.at), share * node.weight / (curve.t.high - curve.t.low));
}

// With what the Spread knows.
DataSet described(std::string name, std::vector<std::string> classes, Spread spread) {
  DataSet set{.name = std::move(name), .classes = std::move(classes)};
  set.entropy = spread.entropy();
  set.mean = spread.mean();
  set.deviation = spread.deviation();
  set.limits = spread.limits();
  const auto shared = std::make_shared<const Spread>(std::move(spread));
  set.log_density =
      at_each_point([shared](double x, double y) { return shared->log_density(x, y); });
  return set;
}

// A point is at `place(part, u)`, u uniform on (0, 1), and the noise. Labels take turns; without
// them the part is drawn, so that any few points stand for all.
using Place = std::function<Point2(Index part, double u)>;
std::function<Data(Index n, Rng& rng)> sampler(Index parts, double noise, bool labelled,
                                               const Place& place) {
  return [=](Index n, Rng& rng) {
    const Tensor u = rng.uniform(Shape{n});
    Data data{rng.normal({n, 2}), {}};
    if (!labelled) data.labels = rng.integers(parts, n);
    real* out = data.points.mutable_data();
    for (Index i = 0; i < n; ++i) {
      if (labelled) data.labels.push_back(i % parts);
      const Point2 at = place(data.labels[static_cast<std::size_t>(i)], u.data()[i]);
      for (const std::size_t axis : {0u, 1u}) {
        real& x = out[2 * i + static_cast<Index>(axis)];
        x = static_cast<real>(at[axis] + noise * x);
      }
    }
    if (!labelled) data.labels.clear();
    return data;
  };
}

void check_classes(const std::string& name, std::size_t classes, std::size_t parts) {
  require(parts > 0, "{}: nothing given that could be blurred", name);
  require(classes == 0 || classes == parts, "{}: {} classes for {} parts given; as many, or none",
          name, classes, parts);
}

}  // namespace

DataSet blurred(std::string name, std::vector<PlaneCurve> curves, double noise,
                std::vector<std::string> classes) {
  check_classes(name, classes.size(), curves.size());
  Spread spread(noise);
  for (const PlaneCurve& curve : curves)
    add_along(spread, curve, 1 / static_cast<double>(curves.size()));
  DataSet set = described(std::move(name), std::move(classes), std::move(spread));
  const Index parts = std::ssize(curves);
  set.sample = sampler(parts, noise, !set.classes.empty(),
                       [curves = std::move(curves)](Index part, double u) {
                         const auto& [at, t] = curves[static_cast<std::size_t>(part)];
                         return at(t.low + u * (t.high - t.low));
                       });
  return set;
}

DataSet blurred(std::string name, std::vector<Point2> places, double noise,
                std::vector<std::string> classes) {
  check_classes(name, classes.size(), places.size());
  Spread spread(noise);
  for (const Point2& place : places) spread.add(place, 1 / static_cast<double>(places.size()));
  DataSet set = described(std::move(name), std::move(classes), std::move(spread));
  const Index parts = std::ssize(places);
  set.sample =
      sampler(parts, noise, !set.classes.empty(), [places = std::move(places)](Index part, double) {
        return places[static_cast<std::size_t>(part)];
      });
  return set;
}

PlaneCurve circle(Point2 centre, double radius) {
  return {[=](double t) {
            return Point2{centre[0] + radius * math::cos(t), centre[1] + radius * math::sin(t)};
          },
          {0, 2 * std::numbers::pi}};
}

}  // namespace gradflow
