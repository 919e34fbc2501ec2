// What a model is made of, by name.
//
// A module is a plain struct whose members are Parameters, tensors that are not trained, and other
// modules. It copies as a value (`best = model` is a snapshot), and has one member function that
// says what belongs to it:
//
//   struct Scaled {
//     Linear inner;
//     Parameter scale;
//     void visit(const Visitor& visit) {
//       visit("inner", inner);   // its tensors are then "inner.weight" and "inner.bias"
//       visit("scale", scale);
//     }
//   };
//
// Everything else follows from that: what is trained, what is saved and loaded, how many numbers
// there are. Names are those that PyTorch gives to the same things, so that weights can be
// exchanged.
//
// Read next: layers.h.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "autograd/parameter.h"

namespace gradflow {

using NamedTensors = std::map<std::string, Tensor>;  // what models and optimisers save

// What a module's visit() is given.
class Visitor {
 public:
  // Takes a tensor that is not trained, when a model is loaded. Throws ShapeError if it makes no
  // sense.
  using Set = std::function<void(const Tensor&)>;
  // Told of each tensor: its value now, how to set it, and which Parameter it is, if it is trained.
  using OnTensor = std::function<void(const std::string& name, const Tensor& value, const Set& set,
                                      Parameter* trained)>;
  explicit Visitor(OnTensor on_tensor) : on_tensor_(std::move(on_tensor)) {}

  // A member that is trained.
  void operator()(const std::string& name, Parameter& parameter) const;
  // One that is not, but belongs to the model: a permutation, say, or a mean of the data.
  void operator()(const std::string& name, Tensor& fixed) const;  // keeps its shape
  void operator()(const std::string& name, const Tensor& value, const Set& set) const;
  // A part, which has a visit() of its own.
  template <class Module>
  requires requires(Module& part, const Visitor& visitor) { part.visit(visitor); }
  void operator()(const std::string& name, Module& part) const {
    part.visit(Visitor(*this, prefix_ + name + "."));
  }

 private:
  Visitor(const Visitor& outer, std::string prefix)
      : on_tensor_(outer.on_tensor_), prefix_(std::move(prefix)) {}

  OnTensor on_tensor_;
  std::string prefix_;  // of all names
};

// A model, as the functions below take it: what has a visit(), or a list of Parameters.
class AnyModel {
 public:
  // Refers to what it is made from.
  template <class Model>  // its visit() is not const, since it hands out what can be changed
  requires requires(Model& model, const Visitor& visitor) { model.visit(visitor); }
  AnyModel(const Model& model)
      : visit([&model](const Visitor& visitor) { const_cast<Model&>(model).visit(visitor); }) {}
  // The same.
  AnyModel(const Parameters& list)
      : visit([&list](const Visitor& visitor) {
          for (const auto& [name, parameter] : list) visitor(name, *parameter);
        }) {}

  std::function<void(const Visitor&)> visit;  // shows its tensors
};

// All down to load() throw GraphError for two tensors of one name.

// What is trained: the model must outlive the list, and not move as long as that is used.
Parameters parameters_of(const AnyModel& model);
template <class Model>
Parameters parameters(Model& model) {  // so not of a temporary
  return parameters_of(model);
}
// The number of numbers that are trained.
Index count(const AnyModel& model);
// Everything that belongs to it; only what is trained; only what is not. Copies share storage.
NamedTensors tensors(const AnyModel& model);
NamedTensors trained_tensors(const AnyModel& model);
NamedTensors fixed_tensors(const AnyModel& model);
// Sets everything. Throws ShapeError, with both lists, if something is missing or left over, and
// for one of another shape; nothing is changed then.
void load(const AnyModel& model, const NamedTensors& tensors);

// Sets all parameters. Throws ShapeError, naming the first, if one is missing or of another shape.
void assign(const Parameters& parameters, const NamedTensors& values);
// Those whose names begin with `prefix`, under what follows it.
NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix);

// 64 bits that change if any name, shape or bit of a tensor changes (FNV-1a), as 16 hex digits.
std::string hash_tensors(const NamedTensors& tensors);

}  // namespace gradflow
