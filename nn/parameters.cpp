#include "nn/parameters.h"

#include <algorithm>

#include "tensor/error.h"

namespace gradflow {

void append(Parameters& list, const std::string& prefix, const Parameters& part) {
  for (const auto& [name, parameter] : part) list.push_back({prefix + name, parameter});
}

Index count(const Parameters& parameters) {
  Index total = 0;
  for (const auto& [name, parameter] : parameters) total += parameter->value.size();
  return total;
}

Offsets offsets(const Parameters& parameters) {
  Offsets result;
  Index offset = 0;
  for (const auto& [name, parameter] : parameters) {
    result.emplace(parameter, offset);
    offset += parameter->value.size();
  }
  return result;
}

Tensor flatten(const Gradients& gradients, const Offsets& offsets, Index count) {
  Tensor flat = zeros(Shape{count});
  real* out = flat.mutable_data();
  for (const auto& [parameter, piece, offset] : gradients.terms()) {
    const auto found = offsets.find(parameter);
    if (found == offsets.end()) continue;  // it belongs to something that is not trained
    const real* term = gradients.pieces()[piece].value().data() + offset;
    real* sum = out + found->second;
    const Index n = parameter->value.size();
#pragma omp simd
    for (Index i = 0; i < n; ++i) sum[i] += term[i];
  }
  return flat;
}

Tensor flatten(const Gradients& gradients, const Parameters& parameters) {
  return flatten(gradients, offsets(parameters), count(parameters));
}

NamedTensors values(const Parameters& parameters) {
  NamedTensors result;
  for (const auto& [name, parameter] : parameters) result.emplace(name, parameter->value);
  return result;
}

NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors result;
  for (const auto& [name, x] : tensors)
    if (name.starts_with(prefix)) result.emplace(name.substr(prefix.size()), x);
  return result;
}

void assign(const Parameters& parameters, const NamedTensors& values) {
  for (const auto& [name, parameter] : parameters) {  // all are checked before any is changed
    const auto found = values.find(name);
    require<ShapeError>(found != values.end(), "assign: no value for parameter \"{}\" given", name);
    const Shape& given = found->second.shape();
    const Shape& required = parameter->value.shape();
    require<ShapeError>(given == required, "assign: {} given for parameter \"{}\"; {} is required",
                        given, name, required);
  }
  for (const auto& [name, parameter] : parameters) parameter->value = values.at(name);
}

}  // namespace gradflow
