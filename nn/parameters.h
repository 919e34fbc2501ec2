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
  using OnTrained = std::function<void(const std::string& name, Parameter& parameter)>;
  using OnFixed = std::function<void(const std::string& name, const Tensor& value, const Set& set)>;
  Visitor(OnTrained trained, OnFixed fixed)
      : trained_(std::move(trained)), fixed_(std::move(fixed)) {}

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
      : trained_(outer.trained_), fixed_(outer.fixed_), prefix_(std::move(prefix)) {}

  OnTrained trained_;
  OnFixed fixed_;
  std::string prefix_;  // of all names
};

namespace detail {
using Visit = std::function<void(const Visitor&)>;  // a model's visit()
Parameters parameters(const Visit& visit);
NamedTensors tensors(const Visit& visit, bool trained, bool fixed);
void load(const Visit& visit, const NamedTensors& tensors);
Index count(const Visit& visit);
template <class Model>  // visit() is not const, since it hands out what can be changed
Visit visit_of(const Model& model) {
  return [&model](const Visitor& visitor) { const_cast<Model&>(model).visit(visitor); };
}
inline Visit visit_of(const Parameters& list) {  // a list of them is as good as a model
  return [&list](const Visitor& visitor) {
    for (const auto& [name, parameter] : list) visitor(name, *parameter);
  };
}
}  // namespace detail

// What is trained: the model must outlive the list, and not move as long as that is used.
template <class Model>
Parameters parameters(Model& model) {
  return detail::parameters(detail::visit_of(model));
}
// The number of numbers that are trained.
template <class Model>
Index count(const Model& model) {
  return detail::count(detail::visit_of(model));
}
// Everything that belongs to it; only what is trained; only what is not. Copies share storage.
template <class Model>
NamedTensors tensors(const Model& model) {
  return detail::tensors(detail::visit_of(model), true, true);
}
template <class Model>
NamedTensors trained_tensors(const Model& model) {
  return detail::tensors(detail::visit_of(model), true, false);
}
template <class Model>
NamedTensors fixed_tensors(const Model& model) {
  return detail::tensors(detail::visit_of(model), false, true);
}
// Sets everything. Throws ShapeError, with both lists, if something is missing or left over, and
// for one of another shape; nothing is changed then.
template <class Model>
void load(Model& model, const NamedTensors& tensors) {
  detail::load(detail::visit_of(model), tensors);
}

// Sets all parameters. Throws ShapeError, naming the first, if one is missing or of another shape.
void assign(const Parameters& parameters, const NamedTensors& values);
// Those whose names begin with `prefix`, under what follows it.
NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix);

// 64 bits that change if any name, shape or bit of a tensor changes (FNV-1a), as 16 hex digits.
std::string hash_tensors(const NamedTensors& tensors);

}  // namespace gradflow
