// A univariate map of some columns of points as one operation, from its loops over plain memory
// (plain.h). Nobody needs to read this to understand the models.
#pragma once

#include "flows/univariate/univariate.h"

namespace gradflow {

// `composed` with its fast forms: it is what they mean, and has all but them.
Univariate with_fused(Univariate composed, const PlainMap& plain);

}  // namespace gradflow
