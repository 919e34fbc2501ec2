#include "flows/matching/velocity.h"

namespace gradflow {
namespace {

Index checked(Index dim) {
  require(dim >= 1, "VelocityNetwork: {} coordinates given; at least 1", dim);
  return dim;
}

}  // namespace

VelocityNetwork::VelocityNetwork(Index coordinates, const VelocityOptions& options, Rng& rng)
    : dim(checked(coordinates)),
      context(options.context),
      network(layer_sizes(dim + 1 + context, options.hidden, dim), rng, options.activation) {}

Var VelocityNetwork::input(const Var& y, const Var& t, const Var& given) const {
  check_points("VelocityNetwork", y, dim);
  check_context("VelocityNetwork", given, y.rows(), context);
  require(t.shape() == Shape{y.rows(), 1}, "VelocityNetwork: times {} given; ({}, 1) are required",
          t.shape(), y.rows());
  return context == 0 ? concat({y, t}, 1) : concat({y, t, given}, 1);
}

Var VelocityNetwork::operator()(const Var& y, const Var& t, const Var& given) const {
  return network(input(y, t, given));
}

Field VelocityNetwork::field(const Var& given) const& {
  return [this, given](const Var& y, const Var& t) { return (*this)(y, t, given); };
}

}  // namespace gradflow
