#include "flows/matching/velocity.h"

#include <numbers>

namespace gradflow {
namespace {

Index checked(Index dim, const VelocityOptions& options) {
  require(dim >= 1, "VelocityNetwork: {} coordinates given; at least 1", dim);
  require(options.context >= 0, "VelocityNetwork: a context of {} numbers given; 0 or more",
          options.context);
  require(options.waves >= 0, "VelocityNetwork: {} waves given; at least 0", options.waves);
  return dim;
}

// cos(k pi t), then sin(k pi t), k = 1 ... waves:   t (B, 1)  ->  (B, 2 waves)
Var waves_of(const Var& t, Index waves) {
  const Var angles = t * (std::numbers::pi_v<real> *
                          Var(linspace(1, static_cast<real>(waves), waves).reshaped({1, waves})));
  return concat({cos(angles), sin(angles)}, 1);
}

}  // namespace

VelocityNetwork::VelocityNetwork(Index coordinates, const VelocityOptions& options, Rng& rng)
    : dim(checked(coordinates, options)),
      context(options.context),
      waves(options.waves),
      network(layer_sizes(dim + (waves == 0 ? 1 : 2 * waves) + context, options.hidden, dim), rng,
              options.activation) {}

Var VelocityNetwork::input(const Var& y, const Var& t, const Var& given) const {
  check_points("VelocityNetwork", y, dim);
  check_context("VelocityNetwork", given, y.rows(), context);
  require(t.shape() == Shape{y.rows(), 1}, "VelocityNetwork: times {} given; ({}, 1) are required",
          t.shape(), y.rows());
  const Var time = waves == 0 ? t : waves_of(t, waves);
  return context == 0 ? concat({y, time}, 1) : concat({y, time, given}, 1);
}

Var VelocityNetwork::operator()(const Var& y, const Var& t, const Var& given) const {
  return network(input(y, t, given));
}

Field VelocityNetwork::field(const Var& given) const& {
  return [this, given](const Var& y, const Var& t) { return (*this)(y, t, given); };
}

}  // namespace gradflow
