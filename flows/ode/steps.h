// Steps: how a span of time is cut, into steps of one size or of sizes that a solver chooses.
//
// Read next: integrate.h; adaptive.h, how sizes are chosen.
#pragma once

#include <variant>

#include "tensor/shape.h"

namespace gradflow {

struct Span {               // of time; in these models noise is at 0, data at 1
  double from = 0, to = 1;  // where it begins and ends
};

struct Fixed {         // steps of one size
  Index steps = 1000;  // how many
};

// Steps as large as the error allows. A step of a coordinate y may be wrong by
// absolute + relative |y|; what counts is the root of the mean square over a point's coordinates,
// at the point where that is largest.
struct Adaptive {
  double relative = 1e-5, absolute = 1e-5;  // more than 0
  Index most_tries = 10'000;                // steps taken or thrown away, before it gives up
};

// One or the other: {50}, Fixed{50}, Adaptive{.relative = 1e-6}; 1000 of one size by default.
struct Steps : std::variant<Fixed, Adaptive> {
  Steps() = default;
  // As these say.
  Steps(Index count) : variant(Fixed{count}) {}
  Steps(const Fixed& fixed) : variant(fixed) {}
  Steps(const Adaptive& adaptive) : variant(adaptive) {}

  const Fixed* fixed() const { return std::get_if<Fixed>(this); }           // or null
  const Adaptive* adaptive() const { return std::get_if<Adaptive>(this); }  // or null
};

}  // namespace gradflow
