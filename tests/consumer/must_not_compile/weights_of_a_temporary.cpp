// error: deleted
// A tape and its gradients refer to the weights with respect to which they differentiate.
#include "autograd/tape.h"

using namespace gradflow;

std::size_t nodes(const Parameters& parameters) {
#ifdef WRONG
  return Tape(Weights(parameters)).size();
#else
  const Weights weights(parameters);
  return Tape(weights).size();
#endif
}
