#include "flows/matching/velocity.h"

#include <cmath>
#include <numbers>

namespace gradflow {
namespace {

Index checked(Index dim, const VelocityOptions& options) {
  require(dim >= 1, "VelocityNetwork: {} coordinates given; at least 1", dim);
  require(options.context >= 0, "VelocityNetwork: a context of {} numbers given; 0 or more",
          options.context);
  require(options.waves >= 0, "VelocityNetwork: {} waves given; at least 0", options.waves);
  require(options.octaves >= 0, "VelocityNetwork: {} octaves given; at least 0", options.octaves);
  return dim;
}

// cos(k pi t), then sin(k pi t), k = 1 ... waves:   t (B, 1)  ->  (B, 2 waves)
Var waves_of(const Var& t, Index waves) {
  const Var angles = t * (std::numbers::pi_v<real> *
                          Var(linspace(1, static_cast<real>(waves), waves).reshaped({1, waves})));
  return concat({cos(angles), sin(angles)}, 1);
}

// 2^k y, k = 0 ... octaves - 1, of each coordinate:   y (B, D)  ->  (B, D octaves)
Var angles_of(const Var& y, Index octaves) {
  Tensor scales(Shape{octaves});
  for (Index k = 0; k < octaves; ++k) scales.mutable_data()[k] = std::ldexp(real(1), int(k));
  const Index B = y.rows(), D = y.shape()[1];
  return reshape(reshape(y, {B, D, 1}) * scales, {B, D * octaves});
}

}  // namespace

VelocityNetwork::VelocityNetwork(Index coordinates, const VelocityOptions& options, Rng& rng)
    : dim(checked(coordinates, options)),
      context(options.context),
      waves(options.waves),
      octaves(options.octaves),
      network(layer_sizes(dim * (1 + 2 * octaves) + (waves == 0 ? 1 : 2 * waves) + context,
                          options.hidden, dim),
              rng, options.activation) {}

Var VelocityNetwork::input(const Var& y, const Var& t, const Var& given) const {
  check_points("VelocityNetwork", y, dim);
  check_context("VelocityNetwork", given, y.rows(), context);
  require(t.shape() == Shape{y.rows(), 1}, "VelocityNetwork: times {} given; ({}, 1) are required",
          t.shape(), y.rows());
  std::vector<Var> told{y};
  if (octaves > 0) {
    const Var angles = angles_of(y, octaves);
    told.insert(told.end(), {cos(angles), sin(angles)});
  }
  told.push_back(waves == 0 ? t : waves_of(t, waves));
  if (context > 0) told.push_back(given);
  return concat(told, 1);
}

//   y' -> [y', -sin(a) a', cos(a) a', 0]   of   [y, cos(a), sin(a), t and context],  a = 2^k y
std::vector<Var> VelocityNetwork::input_tangents(const Var& y,
                                                 const std::vector<Var>& directions) const {
  Var of_cos = Tensor(), of_sin = Tensor();  // their derivatives by the angle
  if (octaves > 0) {
    const Var angles = angles_of(y, octaves);
    of_cos = -sin(angles), of_sin = cos(angles);
  }
  std::vector<Var> tangents;
  for (const Var& direction : directions) {
    std::vector<Var> moved{direction};
    if (octaves > 0) {
      const Var speed = angles_of(direction, octaves);
      moved.insert(moved.end(), {of_cos * speed, of_sin * speed});
    }
    tangents.push_back(pad(concat(moved, 1), 1, 0, network.in()));
  }
  return tangents;
}

Var VelocityNetwork::operator()(const Var& y, const Var& t, const Var& given) const {
  return network(input(y, t, given));
}

Field VelocityNetwork::field(const Var& given) const& {
  return [this, given](const Var& y, const Var& t) { return (*this)(y, t, given); };
}

}  // namespace gradflow
