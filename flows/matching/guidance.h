// Guidance: samples that are more typical of their class than the data is.
//
//   v = (1 + w) v(y, t, class) - w v(y, t, no class)
//
// The one idea: what a class adds to the velocity is exaggerated. Training withholds the class now
// and then (FlowMatchingOptions::withheld), so that one network knows both velocities.
//   Ho and Salimans, "Classifier-free diffusion guidance" (2022), whose w this is. Others count
//   from no class, v_none + g (v_class - v_none): g = 1 + w. With w = 0, g = 1 nothing is changed.
//
// What comes out for w > 0 is not the density of the class, and of no data at all: samples crowd
// where the class is easily told.
#pragma once

#include "flows/matching/flow_matching.h"

namespace gradflow {

// Of two fields. With w = 0 it is `of_class` to the last bit, and `of_none` is not asked. Throws
// ShapeError for a w that is not finite.
Field guided(Field of_class, Field of_none, real w);

// Of a model that was trained with classes withheld. It refers to the model, which must stay where
// it is as long as the field is used. Throws ShapeError as FlowMatching::context and no_class do.
Field guided(const FlowMatching& model, const Labels& labels, real w);

}  // namespace gradflow
