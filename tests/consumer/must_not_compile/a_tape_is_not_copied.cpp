// error: deleted
// A tape is the one that records in its scope; Vars point into it.
#include "autograd/ops.h"

using namespace gradflow;

void record() {
  Tape tape;
#ifdef WRONG
  Tape other = tape;
#else
  Tape other;
#endif
}
