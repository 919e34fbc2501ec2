#pragma once

#include "tensor/tensor.h"

gradflow::real length(const gradflow::Tensor& x);
