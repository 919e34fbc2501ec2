#include "length.h"
#include "tensor/map.h"

using namespace gradflow;

// A loop of its own, compiled with its own flags, and a function of another file.
int main() {
  const Tensor x = linspace(1, 100, 100);
  const Tensor y = kernel::map("scale", x, Tensor({1}, 3), [](real a, real b) { return a * b; });
  for (const Index i : {0, 1, 50, 99})
    if (y.at({i}) != 3 * x.at({i})) return 1;
  return length(Tensor({{3, 4}})) == 5 ? 0 : 1;
}
