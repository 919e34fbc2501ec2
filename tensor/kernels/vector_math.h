// Functions of one number, of our own: exp, expm1, log, log1p, tanh, sigmoid, silu, softplus, sin,
// cos, erf, erfc and pow, in float and in double.
//
// The one idea: those of <cmath> are another program in each C library, their vector forms another
// for each width of vectors, and their last bits differ. These are arithmetic of which IEEE 754
// leaves no bit open, as long as the compiler does not merge a product and a sum into one operation
// (-ffp-contract=off, which the library asks of whoever includes this). A training then ends with
// the same weights on every processor. They have no branches, so that loops of them become vector
// instructions, and are at most 2 units of the last place off (tests/tensor/test_vector_math.cpp,
// README.md); what C says of NaN, of infinities and of -0 holds.
//
// Read next: math/parts.h.
#pragma once

#include "tensor/kernels/math/circle.h"
#include "tensor/kernels/math/exponential.h"
#include "tensor/kernels/math/logarithm.h"
#include "tensor/kernels/math/normal.h"
