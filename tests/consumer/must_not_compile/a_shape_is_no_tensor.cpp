// error: conver
// A function of a Tensor that is given a shape would work on numbers that nobody has set.
#include "tensor/tensor.h"

using namespace gradflow;

Tensor twos() {
  const Shape shape{2, 2};
#ifdef WRONG
  return shape;
#else
  return Tensor(shape, 2);
#endif
}
