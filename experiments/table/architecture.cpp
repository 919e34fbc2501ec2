#include "experiments/table/architecture.h"

#include "flows/chain.h"
#include "flows/continuous.h"
#include "flows/recipes.h"

namespace gradflow {

bool is_mixture(const std::string& kind) { return kind == "gaussian" || kind == "mixture"; }

Flow plain_flow(const Architecture& a, Index D, Index context, Rng& rng) {
  FlowOptions options{.layers = a.layers};
  options.network.hidden.assign(static_cast<std::size_t>(a.depth), a.units);
  options.network.activation = activations::relu;
  options.network.context = context;
  // Couplings need a column to look at; of a single one a masked flow knows what to make.
  if (a.kind == "affine" && D > 1) return real_nvp(D, options, rng);
  if (a.kind == "spline") {
    options.spline.box = 5;  // values may lie far out
    if (D > 2) options.permuting = Permuting::lu;
    return D > 1 ? spline_coupling(D, options, rng) : spline_autoregressive(D, options, rng);
  }
  if (a.kind == "flow-matching")
    return {Continuous(VelocityNetwork(
        D, {.hidden = options.network.hidden, .activation = activations::silu, .context = context},
        rng))};
  return maf(D, options, rng);
}

}  // namespace gradflow
