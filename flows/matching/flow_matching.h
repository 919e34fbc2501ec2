// FlowMatching: learn the velocity that carries noise to data, then follow it. The experiments'
// model: a velocity network, the loss that trains it, and what it is for.
//
// The conditional form also tells the network the class of the data point, as a learned vector.
//
// Read next: ../continuous.h (its density), experiments/programs/flow_matching.cpp.
#pragma once

#include <optional>

#include "flows/matching/loss.h"
#include "flows/matching/velocity.h"

namespace gradflow {

using Labels = std::vector<Index>;  // a class for each point; none for an unconditional model

struct FlowMatchingOptions {                        // what the network is
  std::vector<Index> hidden = {64, 64, 64, 64};     // sizes of its hidden layers
  Index classes = 0;                                // 0: unconditional
  Index class_dim = 10;                             // size of a class's vector
  Activation activation = activations::leaky_relu;  // between them
  Index waves = 0;                                  // of time: velocity.h
  Index octaves = 0;                                // of place: likewise
  // How often, in training, a class is withheld: guidance.h. 0: never, and no vector for that.
  real withheld = 0;
};

struct FlowMatching {
  // For points of `dim` coordinates. Throws ShapeError for a size below 1.
  FlowMatching(Index dim, const FlowMatchingOptions& options, Rng& rng);

  Index dim() const { return network.dim; }  // D
  // What the network is told beside place and time: the vectors of the points' classes (B,
  // class_dim), or nothing. Throws ShapeError if labels are missing, not wanted, not of B, or no
  // classes.
  Var context(Index points, const Labels& labels) const;
  // y (B, D), t (B, 1) -> (B, D). Throws ShapeError for other shapes, and as context() does.
  Var velocity(const Var& y, const Var& t, const Labels& labels = {}) const;

  // As loss.h says; whether a class is withheld is drawn first. Throws ShapeError for anything but
  // points (B, D), at least one, and their labels.
  Var loss(const Data& batch, Rng& rng, const Path& path = straight,
           const Pairing& pairing = independent, real blur = 0) const;

  // Points (B, D) carried along the field, e.g. {0, 1} from noise to data, {1, 0} back; nothing is
  // recorded. They are split among the threads; the result does not depend on their number.
  Tensor carry(const Tensor& points, const Span& span, const Labels& labels = {},
               const Tableau& tableau = euler, const Steps& steps = {}) const;
  // The same with every state on the way, the points themselves first.
  std::vector<Tensor> carry_states(const Tensor& points, const Span& span,
                                   const Labels& labels = {}, const Tableau& tableau = euler,
                                   const Steps& steps = {}) const;
  // (n, D), n at least 0; (B, D) for B labels. Throws ShapeError for other numbers of them.
  Tensor sample(Index n, Rng& rng, const Steps& steps = {}, const Tableau& tableau = euler) const;
  Tensor sample(const Labels& labels, Rng& rng, const Steps& steps = {},
                const Tableau& tableau = euler) const;

  void visit(const Visitor& visitor);  // "classes.weight" if conditional, "network.0.weight", ...

  // The label that says that no class is known: the one behind the last. Throws ShapeError if
  // classes are never withheld.
  Index no_class() const;

  std::optional<Embedding> classes;  // the vectors of the classes, if there are such
  VelocityNetwork network;           // their size is its context
  real withheld;                     // how often a class is withheld by the loss
};

}  // namespace gradflow
