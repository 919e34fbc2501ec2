// Threads by OpenMP, which keeps those of a team for the next one.

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>

#include "tensor/threads/team.h"

namespace gradflow {
namespace {

std::atomic<bool> forked = false;

// Set up on first use.
int initial_processors() {
  omp_set_dynamic(0);  // teams that shrink under load have hung OpenBLAS
  // A child of fork() has none of its parent's threads, but a copy of an OpenMP that waits for
  // them.
  pthread_atfork(nullptr, nullptr, [] { forked = true; });
  return std::clamp(std::min(omp_get_max_threads(), omp_get_num_procs()), 1,
                    omp_get_thread_limit());
}

}  // namespace

int processors() {
  static const int count = initial_processors();
  return count;
}

int most_threads() { return forked ? 1 : omp_get_thread_limit(); }

void run_team(int size, const std::function<void(int)>& body) {
#pragma omp parallel num_threads(size)
  body(omp_get_thread_num());
}

}  // namespace gradflow
