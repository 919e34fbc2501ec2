// No threads: every loop runs on the thread that calls it, with the same results.

#include "tensor/threads/team.h"

namespace gradflow {

int processors() { return 1; }
int most_threads() { return 1; }
void run_team(int, const std::function<void(int)>& body) { body(0); }

}  // namespace gradflow
