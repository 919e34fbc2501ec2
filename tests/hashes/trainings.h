// Short trainings of each kind of model, and the hash of the weights that come out: the same on
// every processor, from every compiler, with any number of threads (tests/hashes.json).
#pragma once

#include <map>
#include <string>

namespace gradflow {

// By the model's name, in the arithmetic that is chosen (tensor/kernels/arithmetic.h).
std::map<std::string, std::string> hashes_of_trainings();

}  // namespace gradflow
