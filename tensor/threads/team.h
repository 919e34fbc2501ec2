// What the threads of this room are made of: openmp.cpp, or none.cpp where there are to be none.
// CMake takes one; GRADFLOW_THREADS says which.
#pragma once

#include <functional>

namespace gradflow {

int processors();    // that this process may use
int most_threads();  // that a team may have

// Calls body(0) on this thread and body(1) ... body(size - 1) on others, all at the same time, and
// returns when all have ended. None of them may throw. size is most_threads() at most.
void run_team(int size, const std::function<void(int)>& body);

}  // namespace gradflow
