// parallel_for: independent tasks on several cores.
//
// The one idea: *what* is computed never depends on how many threads compute it. A job is cut into
// tasks by its own sizes, each task writes to places of its own, and results are joined in the
// order of the tasks. So one thread and four threads give the same bits.
//
// Where the library is built without threads (GRADFLOW_THREADS=OFF) there is one, and so there is
// in a child of fork() whose parent has used this.
//
// Read next: parallel.cpp.
#pragma once

#include <functional>

#include "tensor/real.h"

namespace gradflow {

// The number of threads for parallel_for: by default, the processors this process may use.
int threads();
// Throws ShapeError unless 1 <= count <= 1024. Where fewer can be had, it will be those.
void set_threads(int count);

// Runs `body` on this thread, with a team of threads beside it that do the parallel_for calls it
// makes, at most `most` tasks at a time. For a long series of short loops, such as the steps of a
// training: without it each parallel_for calls its team together anew.
void with_team(Index most, const std::function<void()>& body);

// Calls task(0) ... task(count - 1), each once, on up to threads() threads; returns when all are
// done. Inside another parallel_for it runs them one after another. If tasks throw, the exception
// of the first of them (by number) is thrown again here, after the others have ended.
void parallel_for(Index count, const std::function<void(Index)>& task);

// Cuts 0 ... n-1 into pieces of about the same size, some thousand numbers and kLongestPart at
// most, each beginning with a cache line, and calls part(i, begin, end) for the i-th as a task of
// parallel_for. There are parts_of(n) of them, whatever the number of threads is.
constexpr Index kLongestPart = 1 << 14;
Index parts_of(Index n);
void parallel_parts(Index n, const std::function<void(Index i, Index begin, Index end)>& part);

}  // namespace gradflow
