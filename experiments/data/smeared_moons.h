// Two moons smeared along a diagonal: torchdyn's, as many papers on flow matching use them. Theirs
// was to be noise, but the same number is added to both coordinates:
//
//   upper: (cos a + u, sin a + u),   lower: (1 - cos a + u, 1/2 - sin a + u),
//   a ~ U(0, pi), u ~ U(0, 0.2)
//
// So each moon is a sheet, with edges, and where its arc runs along the diagonal (a = 3 pi / 4) the
// density is infinite. Its entropy is finite all the same.
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

DataSet smeared_moons();

}  // namespace gradflow
