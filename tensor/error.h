// The errors that the library raises, and `require`, which raises them.
//
// All say the same three things in one line: `operation: what was given; what is required; hint`.
// ShapeError and GraphError mean that the program is wrong; NonFiniteError, that its numbers are.
#pragma once

#include <fmt/core.h>

#include <stdexcept>

namespace gradflow {

struct Error : std::runtime_error {  // any of those below
  using std::runtime_error::runtime_error;
};

struct ShapeError : Error {  // shapes, axes, indices and counts that do not fit
  using Error::Error;
};

struct GraphError : Error {  // a Var or a Tape used where its derivative cannot be had
  using Error::Error;
};

struct NonFiniteError : Error {  // a NaN or an infinity where training cannot go on
  using Error::Error;
};

// Throws an E with this message unless `holds`. The message is put together only then:
//   require(count >= 1, "threads: {} given; at least 1", count);
template <class E = ShapeError, class... Args>
void require(bool holds, fmt::format_string<const Args&...> message, const Args&... args) {
  if (!holds) throw E(fmt::format(message, args...));
}

}  // namespace gradflow
