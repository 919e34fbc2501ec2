// Parameter and Weights: what training changes, and with respect to what a tape differentiates.
//
// The one idea: a Parameter has an identity of its own, apart from where it lies in memory. It
// moves with the model that it belongs to, and a copy gets another one. So a model may be moved,
// put into a vector or returned from a function at any time, and a snapshot (`best = model`) is a
// model of its own.
//
// Weights lays the numbers of several parameters side by side in one tensor. All gradients are then
// one tensor too, the state of an optimiser is another one or two, and a step is one loop. A
// parameter that is not among the Weights of a tape is a constant for it.
//
//   Parameter w{Tensor({2}, {3, 5})};
//   Weights weights({{"w", &w}});   // for a model: Weights weights(parameters(model))
//   Tape tape(weights);
//   tape.backward(sum(w * w))[w];   // (6, 10)
//
// Read next: var.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

// Throws GraphError, naming what was used, unless it is still there: what has been moved from is
// empty, and its model is elsewhere.
void require_not_moved(bool there, const char* what);

// Grows whenever a parameter, on any thread, is made, moved, given other numbers in another place,
// or listed in Weights. What was found out about where parameters are holds for as long as it
// stays.
std::uint64_t parameter_changes();

class Parameter {
 public:
  Parameter() : Parameter(Tensor()) {}  // no numbers yet
  // These numbers.
  Parameter(Tensor value);
  Parameter(const Parameter& other) : Parameter(other.value()) {}  // the same numbers
  Parameter(Parameter&&) noexcept;                                 // the same parameter
  Parameter& operator=(Parameter&&) noexcept;
  ~Parameter() = default;
  // Other numbers for the same parameter.
  Parameter& operator=(Tensor value);
  Parameter& operator=(const Parameter& other) {
    if (this != &other) *this = other.value();
    return *this;
  }

  // As they are now. Throws GraphError for a parameter that has been moved away.
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }

 private:
  friend class Weights;
  struct State {
    explicit State(Tensor numbers) : value(std::move(numbers)) {}
    Tensor value;
    std::uint64_t weights = 0;  // the number of the last Weights to list it, and its place there
    Index begin = 0, size = 0;
  };
  std::shared_ptr<State> state_;
};

struct NamedParameter {  // as a model hands it out
  std::string name;      // e.g. "0.weight"
  Parameter* parameter;  // the model's own
};
using Parameters = std::vector<NamedParameter>;  // in the order of a model's layers

// The numbers of some parameters, one after another. It keeps them by their identity: the model may
// move, but each parameter keeps its number of elements. Outlives the tapes and optimisers that use
// it. (A parameter remembers the last Weights that it was listed in: threads that make Weights of
// the same parameters take turns.)
class Weights {
 public:
  // Throws GraphError if a name or a parameter is listed twice.
  explicit Weights(const Parameters& parameters);
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  struct Place {        // of one parameter
    std::string name;   // as given
    Index begin, size;  // where its numbers are
    Shape shape;        // of the parameter
  };
  const std::vector<Place>& places() const { return places_; }  // in the order given
  Index count() const { return count_; }                        // of all numbers
  // Where the parameter's numbers begin; nothing if it is not one of these. Throws ShapeError if
  // there are more or fewer of them by now.
  std::optional<Index> find(const Parameter& parameter) const {
    const Parameter::State* state = parameter.state_.get();
    if (!state || state->weights != id_) return search(parameter);
    if (state->value.size() != state->size) refuse(*state, state->begin);
    return state->begin;
  }
  // The name of the parameter to which a number belongs.
  const std::string& name_at(Index number) const;

  // All numbers as they are now, to be read; and to be written, which changes the parameters: not
  // while a tape that has read them is still to be differentiated.
  const Tensor& numbers();
  real* mutable_numbers();

 private:
  void lay_together();
  std::optional<Index> search(const Parameter& parameter) const;
  [[noreturn]] void refuse(const Parameter::State& state, Index begin) const;

  std::uint64_t id_;
  std::vector<Place> places_;
  std::vector<std::shared_ptr<Parameter::State>> states_;  // of each place
  Index count_ = 0;
  Tensor numbers_;          // of which the parameters' values are views
  std::uint64_t laid_ = 0;  // parameter_changes() when they were seen to be
  real* first_ = nullptr;   // of them, to be written to
};

}  // namespace gradflow
