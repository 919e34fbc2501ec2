// What passes between a program and the library, in bytes: the same whatever each is compiled with.
#include <fmt/format.h>

#include "experiments/run/files/checkpoint.h"
#include "nn/mlp.h"

using namespace gradflow;

template <class... T>
void print_sizes() {
  (fmt::print("{} {}\n", sizeof(T), alignof(T)), ...);
}

int main() {
  print_sizes<Buffer, Shape, Tensor, Rng, Parameter, Var, Gradients, Tape, Weights>();
  print_sizes<Data, Linear, Embedding, Mlp, Adam, Sgd, AdamOptions>();
  print_sizes<TrainingOptions, TrainingHooks, TrainingState, TensorFile, RunIdentity>();
}
