// Mixture: a density that is a sum of K Gaussians in any number of coordinates: what a flow has to
// beat. (In the plane, in closed form: baselines.h.)
//
//   p(x) = sum over k of w_k N(x; m_k, S_k)
//
// The one idea: whoever knows which Gaussian a point came from finds w, m and S by counting and
// averaging; whoever knows these finds how likely each Gaussian is for a point. Doing the one and
// the other in turn never makes the data less likely: expectation-maximisation.
//   Dempster, Laird, Rubin, "Maximum likelihood from incomplete data via the EM algorithm" (1977);
//   Bishop, "Pattern recognition and machine learning" (2006), section 9.2.2.
//
// Some of the first coordinates may be *given*: then it is the density of the others under that
// condition, which for Gaussians is known, too: S_k^-1 = P_k^T P_k with P_k lower triangular, and
// y = P_k (x - m_k) has the part of what is given in its first entries.
//
// Read next: ../table/mixture_base.h, which makes a flow of it.
#pragma once

#include "autograd/ops.h"
#include "nn/parameters.h"
#include "tensor/random.h"

namespace gradflow {

struct Mixture {
  Tensor weights;  // (K), of sum 1
  Tensor means;    // (K, D)
  Tensor factors;  // (K, D, D): P_k, lower triangular

  Index size() const { return weights.size(); }   // K
  Index dim() const { return means.shape()[1]; }  // D
  void visit(const Visitor& visitor);             // "weights", "means", "factors"; not trained
};
// One Gaussian, N(0, I): to be loaded into.
Mixture standard_mixture(Index components, Index dim);

struct MixtureOptions {
  Index components = 1;    // K
  double floor = 1e-3;     // added to each variance, so that no Gaussian shrinks to a point
  Index iterations = 200;  // at most; it ends when the mean log p grows by less than 1e-5
};
// Of these points (N, D), N at least K. It begins at points far from each other (Arthur and
// Vassilvitskii, "k-means++", 2007); sums are in double and in one order whatever the threads.
// Throws ShapeError for other shapes and options.
Mixture fit_mixture(const Tensor& points, const MixtureOptions& options, Rng rng);

// log p of the other coordinates if the first `given` of each point are known: points (B, D) ->
// (B), in nats; 0: of all.
Var log_prob(const Mixture& mixture, const Var& points, Index given = 0);

// The other coordinates, drawn: given (n, R) -> (n, D - R); n rows even if R is 0.
Tensor sample(const Mixture& mixture, const Tensor& given, Rng& rng);

}  // namespace gradflow
