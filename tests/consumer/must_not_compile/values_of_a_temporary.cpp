// error: deleted
// The numbers would die with the tensor before anybody reads them.
#include "tensor/tensor.h"

using namespace gradflow;

real first(const Tensor& x) {
#ifdef WRONG
  const auto numbers = Tensor(x).values();
#else
  const Tensor copy = x;
  const auto numbers = copy.values();
#endif
  return numbers[0];
}
