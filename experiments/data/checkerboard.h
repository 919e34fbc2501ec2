// The black squares of a board: all corners and edges. FFJORD's: 8 squares of side 2, between -4
// and 4. Its density is 1/32 on the black and 0 on the white, so that its entropy is log 32.
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

DataSet checkerboard();

}  // namespace gradflow
