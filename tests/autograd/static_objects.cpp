// A tape, tensors and gradients that live until the program ends, when the pools and the list of
// tapes of its thread are gone already. The sanitizers see whether the way out is clean; without
// them, that it ends with 0.

#include "autograd/ops.h"
#include "tensor/random.h"

using namespace gradflow;

int main() {
  static Parameter w{ones({1000})};
  static const Weights weights({{"w", &w}});
  static Tape tape(weights);
  static const Tensor x = Rng(1).normal({1000});
  static const Var loss = sum(square(w * tape.variable(x)));
  static const Gradients gradients = tape.backward(loss, Record::yes);
  const bool right = gradients[w].shape() == Shape{1000} && loss.tracked();
  static Tape another;
  return right ? 0 : 1;
}
