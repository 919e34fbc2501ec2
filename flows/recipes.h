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

namespace gradflow {

enum class Permuting {  // the order of the coordinates from layer to layer
  alternate,  // what was moved is kept next (couplings), what was last comes first (autoregressive)
  random      // drawn once for each layer; for two coordinates half of them do nothing
};

struct FlowOptions {                           // what a flow is made of
  Index layers = 15;                           // each followed by a permutation
  ConditionerOptions network = {};             // of each layer
  real scale_bound = 2;                        // c of the affine map (univariate/affine.h)
  Permuting permuting = Permuting::alternate;  // between them
};

// All throw ShapeError for less than one layer, and as the layers do.

// Affine couplings: Dinh, Sohl-Dickstein, Bengio (2017). At its defaults, in the plane, it is the
// report's model, of 7230 parameters. At least two coordinates.
Flow real_nvp(Index dim, const FlowOptions& options, Rng& rng);
// Additive couplings, and on the latent side a scale for each coordinate: Dinh, Krueger, Bengio
// (2015), section 3.3. At least two coordinates.
Flow nice(Index dim, const FlowOptions& options, Rng& rng);
// A masked autoregressive flow: Papamakarios, Pavlakou, Murray (2017). Sampling takes D passes.
Flow maf(Index dim, const FlowOptions& options, Rng& rng);
// An inverse autoregressive flow: Kingma et al. (2016). The density of given points takes D passes.
Flow iaf(Index dim, const FlowOptions& options, Rng& rng);

}  // namespace gradflow
