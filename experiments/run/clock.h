// The time, for saying how long something took.
#pragma once

#include <chrono>

namespace gradflow {

// Since some moment in the past; it never goes back.
inline double seconds_now() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace gradflow
