// error: (conver|no viable)
// One algebra: what a user writes with + is an operation on Vars, also between two Tensors.
#include "autograd/ops.h"

using namespace gradflow;

Tensor twice(const Tensor& x) {
#ifdef WRONG
  return x + x;
#else
  return (x + x).value();
#endif
}
