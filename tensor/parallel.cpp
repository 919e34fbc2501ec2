#include "tensor/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>

#include "tensor/error.h"

namespace gradflow {
namespace {

int initial_threads() {
  const int processors = std::min(omp_get_max_threads(), omp_get_num_procs());
  omp_set_dynamic(0);      // teams that shrink under load have hung OpenBLAS
  omp_set_num_threads(1);  // for BLAS; our own regions name their number of threads
  return std::clamp(processors, 1, omp_get_thread_limit());
}

// Set up on first use: before our first parallel region, and before the first call of BLAS.
int& thread_count() {
  static int count = initial_threads();
  return count;
}

}  // namespace

int threads() { return thread_count(); }

void set_threads(int count) {
  require<ShapeError>(1 <= count && count <= 1024, "set_threads: {} given; 1 to 1024 are possible",
                      count);
  thread_count() = std::min(count, omp_get_thread_limit());
}

void parallel_for(Index count, const std::function<void(Index)>& task) {
  const int team = static_cast<int>(std::min<Index>(thread_count(), count));
  if (team <= 1 || omp_in_parallel()) {
    for (Index i = 0; i < count; ++i) task(i);
    return;
  }
  std::exception_ptr error;
  Index error_index = count;
#pragma omp parallel for num_threads(team) schedule(dynamic, 1)
  for (Index i = 0; i < count; ++i) {
    try {
      task(i);
    } catch (...) {  // an exception must not leave an OpenMP region
#pragma omp critical(gradflow_parallel_for)
      if (i < error_index) {
        error_index = i;
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace gradflow
