#include "nn/parameters.h"

#include <fmt/format.h>

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

Tensor flatten(const Gradients& gradients, const Parameters& parameters) {
  Tensor flat(Shape{count(parameters)});
  real* out = flat.mutable_data();
  for (const auto& [name, parameter] : parameters) {
    const Index n = parameter->value.size();
    if (const Tensor* gradient = gradients.find(*parameter))
      std::copy_n(gradient->data(), n, out);
    else
      std::fill_n(out, n, real{0});
    out += n;
  }
  return flat;
}

NamedTensors values(const Parameters& parameters) {
  NamedTensors result;
  for (const auto& [name, parameter] : parameters) result.emplace(name, parameter->value);
  return result;
}

void assign(const Parameters& parameters, const NamedTensors& values) {
  for (const auto& [name, parameter] : parameters) {  // all are checked before any is changed
    const auto found = values.find(name);
    if (found == values.end())
      throw ShapeError(fmt::format("assign: no value for parameter \"{}\" given", name));
    if (found->second.shape() != parameter->value.shape())
      throw ShapeError(fmt::format("assign: {} given for parameter \"{}\"; {} is required",
                                   to_string(found->second.shape()), name,
                                   to_string(parameter->value.shape())));
  }
  for (const auto& [name, parameter] : parameters) parameter->value = values.at(name);
}

}  // namespace gradflow
