#include "flows/matching/mean_flow.h"

#include <cmath>

#include "flows/base.h"
#include "flows/matching/path.h"
#include "flows/matching/tangents.h"

namespace gradflow {
namespace {

Index checked(Index dim) {
  require(dim >= 1, "MeanFlow: {} coordinates given; at least 1", dim);
  return dim;
}

struct Intervals {
  Tensor s, t;  // (B, 1): s <= t
};

// Two draws of a logistic normal, of which the paper's recipe is -.4 and 1 in its own time, and so
// +.4 in ours; in order. In a part of the rows both are the first.
Intervals drawn_intervals(Index B, real spans, Rng& rng) {
  const Tensor two = sigmoid(real(0.4) + rng.normal({B, 2})).value();
  const Tensor chance = rng.uniform({B, 1});
  Intervals drawn{Tensor(Shape{B, 1}), Tensor(Shape{B, 1})};
  real *s = drawn.s.mutable_data(), *t = drawn.t.mutable_data();
  for (Index i = 0; i < B; ++i) {
    const real a = two.data()[2 * i], b = two.data()[2 * i + 1];
    const bool span = chance.data()[i] < spans;
    s[i] = span ? std::min(a, b) : a;
    t[i] = span ? std::max(a, b) : a;
  }
  return drawn;
}

}  // namespace

MeanFlow::MeanFlow(Index dim, const MeanFlowOptions& options, Rng& rng)
    : network(layer_sizes(checked(dim) + 2, options.hidden, dim), rng, options.activation),
      spans(options.spans) {
  require(0 <= spans && spans <= 1, "MeanFlow: a share of {} given; from 0 to 1", spans);
}

Var MeanFlow::mean_velocity(const Var& y, const Var& s, const Var& t) const {
  check_points("MeanFlow", y, dim());
  for (const Var* time : {&s, &t})
    require(time->shape() == Shape{y.rows(), 1}, "MeanFlow: times {} given; ({}, 1) are required",
            time->shape(), y.rows());
  return network(concat({y, s, t}, 1));
}

MeanFlow::AlongPath MeanFlow::along_path(const Tensor& y, const Tensor& s, const Tensor& t,
                                         const Tensor& v) const {
  const Unrecorded unrecorded;
  const Var direction = concat({v, ones(s.shape()), zeros(t.shape())}, 1);
  const auto [u, tangents] = pushed_forward(network, concat({y, s, t}, 1), {direction});
  return {u.value(), tangents[0].value()};
}

Var MeanFlow::loss(const Data& batch, Rng& rng) const {
  check_points("MeanFlow::loss", batch.points, dim());
  require(batch.size() >= 1, "MeanFlow::loss: no points given; at least 1");
  const Tensor y_0 = rng.normal(batch.points.shape());
  const auto [s, t] = drawn_intervals(batch.size(), spans, rng);
  const auto [y, velocity] = straight(y_0, batch.points, s);
  const Tensor own = [this](const Var& place, const Var& time) {
    const Unrecorded unrecorded;
    return mean_velocity(place, time, time).value();
  }(y, s);
  const Tensor change = along_path(y.value(), s, t, own).change;
  const Var target = velocity + (Var(t) - s) * change;
  const Var error = sum(square(mean_velocity(y, s, t) - target), 1);
  return mean(error / (error.value() + Var(real(1e-3))));
}

Tensor MeanFlow::carry(const Tensor& noise, Index steps) const {
  check_points("MeanFlow::carry", noise, dim());
  require(steps >= 1, "MeanFlow::carry: {} steps given; at least 1", steps);
  const Unrecorded unrecorded;
  Var y = noise;
  for (Index step = 0; step < steps; ++step) {
    const auto time = [&](Index i) {
      return Tensor({noise.rows(), 1}, static_cast<real>(double(i) / double(steps)));
    };
    y = y + mean_velocity(y, time(step), time(step + 1)) / static_cast<real>(steps);
  }
  return y.value();
}

Tensor MeanFlow::sample(Index n, Rng& rng, Index steps) const {
  check_samples("MeanFlow::sample", n);
  return carry(rng.normal({n, dim()}), steps);
}

}  // namespace gradflow
