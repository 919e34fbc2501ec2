// How far apart two processors are: the time in which a number goes from one thread to another and
// an answer comes back.
//
// Two threads that share a training step of a hundred microseconds hand each other a few hundred
// cache lines in it, and each takes its time. Where the processors share a cache a round trip is
// about 100 ns; where they do not it can be five times as much. A virtual machine's processors may
// be moved from the one kind of place to the other at any moment, and its speed with two threads
// changes with that.
#pragma once

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

#include "tests/benchmark/meter.h"

namespace benchmark {

// In nanoseconds: the best of twenty times a hundred round trips. Infinite if in a tenth of a
// second none of them ended within half a millisecond, as where both threads have to share one
// processor.
inline double round_trip_ns() {
  constexpr int kRounds = 100;
  struct alignas(128) Line {  // on cache lines of its own
    std::atomic<int> number = 0;
  } question, answer;
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) answer.number = question.number.load();
  });
  double best = std::numeric_limits<double>::infinity();
  for (int ended = 0, tries = 0; ended < 20 && tries < 200; ++tries) {
    const double begin = seconds_now();
    int number = 0;
    double now = begin;
    for (question.number = 1; number < kRounds && now < begin + 5e-4; now = seconds_now())
      if (answer.number == question.number) question.number = ++number + 1;
    if (number < kRounds) continue;
    best = std::min(best, (now - begin) / kRounds * 1e9);
    ++ended;
  }
  done = true;
  other.join();
  return best;
}

}  // namespace benchmark
