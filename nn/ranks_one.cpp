// One process: nobody to tell anything.

#include <algorithm>
#include <cstdlib>

#include "nn/ranks.h"

namespace gradflow {

Index ranks() { return 1; }
Index rank() { return 0; }

RanksScope::RanksScope() = default;
RanksScope::~RanksScope() = default;

void end_all_ranks(int code) { std::_Exit(code); }
void broadcast(std::string&) {}
void broadcast(real*, Index) {}
bool on_any_rank(bool mine) { return mine; }
template <class T>
void complete(T*, Index) {}
template void complete(float*, Index);
template void complete(double*, Index);
void exchange(const real* own_rows, Index rows, Index n, real* own_columns) {
  std::copy_n(own_rows, rows * n, own_columns);
}

}  // namespace gradflow
