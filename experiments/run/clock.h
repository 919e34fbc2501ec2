// The time, for saying how long something took.
#pragma once

#include <time.h>

#include <chrono>

namespace gradflow {

// Since some moment in the past; it never goes back.
inline double seconds_now() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of the processor, on all threads of this program: what else the machine does is not in it.
inline double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace gradflow
