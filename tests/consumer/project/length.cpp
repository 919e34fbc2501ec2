#include "length.h"

#include "autograd/ops.h"

gradflow::real length(const gradflow::Tensor& x) { return sqrt(sum(square(x))).item(); }
