// Architecture: what a flow that is fitted to a table is made of.
//
// Read next: model.h, what belongs to it besides.
#pragma once

#include "experiments/run/settings.h"
#include "flows/flow.h"

namespace gradflow {

struct Architecture {
  std::string kind = "maf";  // see kKinds
  Index layers = 5;          // of a flow
  Index units = 64;          // of each hidden layer of its networks
  Index depth = 2;           // how many of these
  Index components = 1;      // of a mixture, for each combination of classes
  Settings list();
};
inline const std::vector<std::string> kKinds{"gaussian", "mixture", "affine",
                                             "maf",      "spline",  "flow-matching"};
bool is_mixture(const std::string& kind);  // or a Gaussian: fitted without a gradient

// A flow of one of the other kinds, of points of D coordinates that are standardised already; not
// trained. `context`: how many numbers it is told of each.
Flow plain_flow(const Architecture& architecture, Index D, Index context, Rng& rng);

}  // namespace gradflow
