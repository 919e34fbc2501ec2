// The named parameters of a model.
//
// A module is a plain struct whose members are Parameters or other modules. It copies as a value
// (`best = model` is a snapshot), and says in `parameters()` what it is made of:
//
//   struct Scaled {
//     Linear inner;
//     Parameter scale;
//     Parameters parameters() {
//       Parameters list;
//       append(list, "inner.", inner.parameters());
//       list.push_back({"scale", &scale});
//       return list;
//     }
//   };
//
// Names are those that PyTorch gives to the same things, so that weights can be exchanged.
//
// Read next: layers.h.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "autograd/tape.h"

namespace gradflow {

struct NamedParameter {  // as a model hands it out
  std::string name;      // e.g. "0.weight"
  Parameter* parameter;  // owned by the model, which must outlive the list and not move
};
using Parameters = std::vector<NamedParameter>;  // in the order of a model's layers

// Adds a part's parameters, their names behind `prefix`.
void append(Parameters& list, const std::string& prefix, const Parameters& part);

// The places of parameters in one flat vector of all their numbers, in the list's order.
struct FlatLayout {
  // One after another, without gaps. Throws ShapeError if one is listed twice.
  FlatLayout(const Parameters& parameters);
  struct Place {                 // of one parameter
    const Parameter* parameter;  // whose it is
    Index offset, size;          // where it begins, how many numbers it has
  };
  std::vector<Place> places;                                   // in the list's order
  std::unordered_map<const Parameter*, std::size_t> place_of;  // the index in places
  Index count = 0;                                             // of all numbers
};

// The number of numbers.
inline Index count(const Parameters& parameters) { return FlatLayout(parameters).count; }

// All gradients as one tensor of shape (layout.count); zeros where nothing flowed. Throws
// ShapeError if a parameter had another size when the layout was made.
Tensor flatten(const Gradients& gradients, const FlatLayout& layout);

using NamedTensors = std::map<std::string, Tensor>;  // what models and optimisers save

// Values by name, e.g. for save_tensors(). Copies share storage.
NamedTensors values(const Parameters& parameters);

// Those whose names begin with `prefix`, under what follows it.
NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix);

// Sets all parameters. Throws ShapeError, naming the first, if one is missing or of another shape.
void assign(const Parameters& parameters, const NamedTensors& values);

}  // namespace gradflow
