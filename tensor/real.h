// real: the one number type of the library.
//
// The library is compiled twice from the same sources: once with real = float, to train, and once
// with real = double, to check gradients. A template would put <T> on every line a reader sees; a
// type chosen at run time would put conversions into every operation.
//
// The double build compiles with GRADFLOW_DOUBLE, and with its namespace named gradflow_double
// (see the top CMakeLists.txt): objects of the two builds cannot be linked to each other by
// mistake.
//
// Read next: shape.h.
#pragma once

#include <cstdint>
#include <type_traits>

namespace gradflow {

#ifdef GRADFLOW_DOUBLE
using real = double;
#else
using real = float;  // double in the double build
#endif

// What a sum of many numbers is carried in: the next wider type. A sum in `real` itself loses the
// digits of what is added to it as it grows.
using Carried = std::conditional_t<std::is_same_v<real, float>, double, long double>;

// Sizes, positions and counts. Signed, so that a difference of two of them is what it seems.
using Index = std::int64_t;

}  // namespace gradflow
