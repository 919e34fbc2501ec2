// error: (read-only|cannot assign|not assignable)
// Storage may be shared: only mutable_data() makes sure that no other tensor changes.
#include "tensor/tensor.h"

using namespace gradflow;

void set_first(Tensor& x) {
#ifdef WRONG
  x.values()[0] = 1;
#else
  x.mutable_data()[0] = 1;
#endif
}
