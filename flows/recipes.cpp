#include "flows/recipes.h"

#include <fmt/ranges.h>

#include <functional>

#include "flows/autoregressive.h"
#include "flows/coupling.h"
#include "flows/elementwise.h"
#include "flows/linear/lu.h"
#include "flows/linear/permutation.h"
#include "flows/univariate/additive.h"
#include "flows/univariate/affine.h"

namespace gradflow {
namespace {

using Layers = std::vector<AnyBijection>;

// Layers of one kind, each followed by a permutation, or by one and a linear map.
Layers repeated(const char* recipe, const FlowOptions& options, const Permutation& alternate,
                Rng& rng, const std::function<AnyBijection()>& make) {
  require(options.layers >= 1, "{}: {} layers given; at least 1", recipe, options.layers);
  Layers layers;
  for (Index i = 0; i < options.layers; ++i) {
    layers.push_back(make());
    layers.push_back(options.permuting == Permuting::random
                         ? Permutation::random(alternate.dim(), rng)
                         : alternate);
    if (options.permuting == Permuting::lu) layers.push_back(Lu(alternate.dim()));
  }
  return layers;
}

// Couplings keep the first half of the coordinates. The first half goes to the end before the next
// one: so with an odd number of them, too, each is kept in turn.
Layers couplings(const char* recipe, Index dim, const Univariate& univariate,
                 const FlowOptions& options, Rng& rng, const CouplingOptions& more = {}) {
  const auto make = [&] { return Coupling(dim, univariate, options.network, rng, more); };
  return repeated(recipe, options, Permutation::rotation(dim, dim / 2), rng, make);
}

}  // namespace

Flow real_nvp(Index dim, const FlowOptions& options, Rng& rng) {
  return Flow(Chain(couplings("real_nvp", dim, affine(options.scale_bound), options, rng)));
}

Flow nice(Index dim, const FlowOptions& options, Rng& rng) {
  Layers layers = couplings("nice", dim, additive(), options, rng);
  layers.insert(layers.begin(), Elementwise(dim, affine(options.scale_bound)));
  return Flow(Chain(std::move(layers)));
}

Flow spline_coupling(Index dim, const FlowOptions& options, Rng& rng) {
  const Univariate spline = rational_quadratic(options.spline);
  return Flow(
      Chain(couplings("spline_coupling", dim, spline, options, rng, {.one_network = true})));
}

Flow spline_autoregressive(Index dim, const FlowOptions& options, Rng& rng) {
  const Univariate spline = rational_quadratic(options.spline);
  const auto make = [&] { return MaskedAutoregressive(dim, spline, options.network, rng); };
  return Flow(
      Chain(repeated("spline_autoregressive", options, Permutation::reversal(dim), rng, make)));
}

Flow maf(Index dim, const FlowOptions& options, Rng& rng) {
  const Univariate map = affine(options.scale_bound);
  const auto make = [&] { return MaskedAutoregressive(dim, map, options.network, rng); };
  return Flow(Chain(repeated("maf", options, Permutation::reversal(dim), rng, make)));
}

Flow iaf(Index dim, const FlowOptions& options, Rng& rng) {
  const Univariate map = affine(options.scale_bound);
  const auto make = [&] { return Inverse(MaskedAutoregressive(dim, map, options.network, rng)); };
  return Flow(Chain(repeated("iaf", options, Permutation::reversal(dim), rng, make)));
}

const Recipe& recipe(std::string_view name) {
  std::vector<const char*> names;
  for (const Recipe& known : kRecipes) {
    if (name == known.name) return known;
    names.push_back(known.name);
  }
  throw ShapeError(fmt::format("recipe: \"{}\" given; one of {}", name, fmt::join(names, ", ")));
}

}  // namespace gradflow
