#include "length.h"

int main() { return length(gradflow::Tensor({{3, 4}})) == 5 ? 0 : 1; }
