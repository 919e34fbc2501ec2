// How far apart two processors are: the time in which a number goes from one thread to another and
// an answer comes back.
//
// Two threads that share a training step of a hundred microseconds hand each other a few hundred
// cache lines in it, and each takes its time. Where the processors share a cache a round trip is
// about 100 ns; where they do not it can be five times as much. A virtual machine's processors may
// be moved from the one kind of place to the other at any moment, and its speed with two threads
// changes with that.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

#include "tests/benchmark/meter.h"

namespace benchmark {

// Keeps a thread on the n-th of the processors that this process may use; false if there are fewer.
inline bool stay_on(pthread_t thread, int n, const cpu_set_t& allowed) {
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || n-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return pthread_setaffinity_np(thread, sizeof one, &one) == 0;
  }
  return false;
}

// Between the first two processors, in nanoseconds: the best of twenty times a hundred round trips.
// Infinite if there is only one, or if it is too busy to answer within half a millisecond.
inline double round_trip_ns() {
  constexpr int kRounds = 100;
  struct alignas(128) Line {  // on cache lines of its own
    std::atomic<int> number = 0;
  } question, answer;
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) answer.number = question.number.load();
  });
  cpu_set_t allowed;
  pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed);
  const bool two =
      stay_on(other.native_handle(), 1, allowed) && stay_on(pthread_self(), 0, allowed);
  double best = std::numeric_limits<double>::infinity();
  for (int ended = 0, tries = 0; two && ended < 20 && tries < 200; ++tries) {
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
  pthread_setaffinity_np(pthread_self(), sizeof allowed, &allowed);
  return best;
}

}  // namespace benchmark
