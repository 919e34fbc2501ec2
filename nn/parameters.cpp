#include "nn/parameters.h"

#include <algorithm>
#include <span>

namespace gradflow {

void append(Parameters& list, const std::string& prefix, const Parameters& part) {
  for (const auto& [name, parameter] : part) list.push_back({prefix + name, parameter});
}

FlatLayout::FlatLayout(const Parameters& parameters) {
  for (const auto& [name, parameter] : parameters) {
    require(place_of.emplace(parameter, places.size()).second,
            "parameters: \"{}\" given, which the list has already; each once", name);
    places.push_back({parameter, count, parameter->value.size()});
    count += parameter->value.size();
  }
}

Tensor flatten(const Gradients& gradients, const FlatLayout& layout) {
  Tensor flat(Shape{layout.count});
  real* out = flat.mutable_data();
  std::vector<bool> reached(layout.places.size());
  std::size_t next = 0;  // the term's place, most often
  for (const auto& [parameter, piece, offset] : gradients.terms()) {
    std::size_t at = next;
    if (at == layout.places.size() || layout.places[at].parameter != parameter) {
      const auto found = layout.place_of.find(parameter);
      if (found == layout.place_of.end()) continue;  // it belongs to something that is not trained
      at = found->second;
    }
    next = at + 1;
    const auto& place = layout.places[at];
    const std::span<const real> numbers = gradients.pieces()[piece].value().values();
    const Index n = place.size, left = std::ssize(numbers) - offset;
    require(n <= left,
            "flatten: {} numbers of a gradient given for a parameter of {}; has it been "
            "given another shape?",
            left, n);
    const real* term = numbers.data() + offset;
    real* sum = out + place.offset;
    if (reached[at])
#pragma omp simd
      for (Index i = 0; i < n; ++i) sum[i] += term[i];
    else
      std::copy_n(term, n, sum);
    reached[at] = true;
  }
  for (std::size_t k = 0; k < reached.size(); ++k)
    if (!reached[k]) std::fill_n(out + layout.places[k].offset, layout.places[k].size, real{0});
  return flat;
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
    require(found != values.end(), "assign: no value for parameter \"{}\" given", name);
    const Shape& given = found->second.shape();
    const Shape& required = parameter->value.shape();
    require(given == required, "assign: {} given for parameter \"{}\"; {} is required", given, name,
            required);
  }
  for (const auto& [name, parameter] : parameters) parameter->value = values.at(name);
}

}  // namespace gradflow
