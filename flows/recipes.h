// Recipes: flows that have been published, each in a few lines.
//
// The one idea: a flow is a univariate map, times a conditioner, repeated, with the coordinates in
// another order in between. So a recipe only says which.
//
// Read next: experiments/programs/normalizing_flow.cpp.
#pragma once

#include "flows/chain.h"
#include "flows/conditioner.h"
#include "flows/flow.h"
#include "flows/univariate/rational_quadratic.h"

namespace gradflow {

enum class Permuting {  // the order of the coordinates from layer to layer
  alternate,  // what was moved is kept next (couplings), what was last comes first (autoregressive)
  random,     // drawn once for each layer; for two coordinates half of them do nothing
  lu          // as alternate, and then a linear map that is trained (linear/lu.h)
};

struct FlowOptions {                           // what a flow is made of
  Index layers = 15;                           // each followed by what `permuting` says
  ConditionerOptions network = {};             // of each layer
  real scale_bound = 2;                        // c of the affine map (univariate/affine.h)
  Permuting permuting = Permuting::alternate;  // between them
  SplineOptions spline = {};                   // bins and box of those with splines
};

// The context of the networks is that of the flow. All throw ShapeError for less than one layer,
// and as the layers do.

// Affine couplings: Dinh, Sohl-Dickstein, Bengio (2017). At its defaults, in the plane, it is the
// report's model, of 7230 parameters. At least two coordinates.
Flow real_nvp(Index dim, const FlowOptions& options, Rng& rng);
// Additive couplings, and on the latent side a scale for each coordinate: Dinh, Krueger, Bengio
// (2015), section 3.3. At least two coordinates.
Flow nice(Index dim, const FlowOptions& options, Rng& rng);
// Couplings with splines: Durkan et al. (2019). The strongest that is fast both ways, with networks
// of 64 units in two hidden layers and six layers to begin with. At least two coordinates.
Flow spline_coupling(Index dim, const FlowOptions& options, Rng& rng);
// Splines whose networks see all coordinates before: the same paper. Sampling takes D passes.
Flow spline_autoregressive(Index dim, const FlowOptions& options, Rng& rng);
// A masked autoregressive flow: Papamakarios, Pavlakou, Murray (2017). Sampling takes D passes.
Flow maf(Index dim, const FlowOptions& options, Rng& rng);
// An inverse autoregressive flow: Kingma et al. (2016). The density of given points takes D passes.
Flow iaf(Index dim, const FlowOptions& options, Rng& rng);

// The same by name, for command lines.
struct Recipe {
  const char* name;  // as the function's
  // The function.
  Flow (*make)(Index dim, const FlowOptions& options, Rng& rng);
};
// All of them.
inline constexpr Recipe kRecipes[] = {{"real_nvp", real_nvp},
                                      {"nice", nice},
                                      {"spline_coupling", spline_coupling},
                                      {"spline_autoregressive", spline_autoregressive},
                                      {"maf", maf},
                                      {"iaf", iaf}};
// Throws ShapeError, with all names, for another one.
const Recipe& recipe(std::string_view name);

}  // namespace gradflow
