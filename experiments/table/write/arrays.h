// Arrays as numpy reads them: the bytes of an .npy, and of an .npz, which is a zip file of such.
//
// Read next: ../read/npy.h and ../read/npz.h, which describe the formats.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

std::string npy_bytes(const Tensor& array);
// Members that are stored as they are, under these names. Throws FileError beyond 4 GB, where the
// format has other fields.
std::string npz_bytes(const std::vector<std::pair<std::string, Tensor>>& arrays);

}  // namespace gradflow
