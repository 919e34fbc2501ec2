// error: deleted
#include "autograd/ops.h"

using namespace gradflow;

void record() {
  Tape tape;
  Tape other;
#ifdef WRONG
  tape = std::move(other);
#endif
}
