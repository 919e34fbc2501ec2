// The types of numbers that a safetensors file may hold, and how they become `real`.
//
// The one idea: a tensor is what was saved, or it is not to be had. Digits may be rounded away; but
// a number beyond the range of `real`, and a whole one that would become another, throw.
#pragma once

#include <string_view>

#include "tensor/tensor.h"

namespace gradflow {

inline constexpr const char* kOwnDtype = sizeof(real) == 4 ? "F32" : "F64";  // that of `real`

struct Dtype {
  std::string_view name;
  Index width;  // bytes of a number
  // The tensor of these bytes, as many as the shape needs. Throws FileError, see above.
  Tensor (*read)(const Shape& shape, const char* bytes);
};
// Null if it is not known.
const Dtype* find_dtype(std::string_view name);

}  // namespace gradflow
