// Prints the hashes of the short trainings (trainings.h), in both arithmetics, as JSON:
//
//   hashes [THREADS]         0: as many as there are processors
//
// tests/tools/hashes.sh builds and runs it in many ways.

#include <fmt/format.h>

#include <cstdlib>

#include "tensor/kernels/arithmetic.h"
#include "tensor/threads/parallel.h"
#include "tests/hashes/trainings.h"

int main(int argc, char** argv) {
  using namespace gradflow;
  if (const int count = argc > 1 ? std::atoi(argv[1]) : 0; count > 0) set_threads(count);
  const char* before = "{";
  for (const Arithmetic arithmetic : {Arithmetic::fused, Arithmetic::portable}) {
    set_arithmetic(arithmetic);
    fmt::print("{}\n  \"{}\": {{", before, name_of(arithmetic));
    const char* comma = "";
    for (const auto& [model, hash] : hashes_of_trainings()) {
      fmt::print("{}\n    \"{}\": \"{}\"", comma, model, hash);
      comma = ",";
    }
    fmt::print("\n  }}");
    before = ",";
  }
  fmt::print("\n}}\n");
}
