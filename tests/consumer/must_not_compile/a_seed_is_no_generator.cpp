// error: conver
// A function of an Rng& that is given a seed would begin with the same numbers at each call.
#include "tensor/random.h"

using namespace gradflow;

Tensor noise() {
#ifdef WRONG
  Rng rng = 7;
#else
  Rng rng(7);
#endif
  return rng.normal({3});
}
