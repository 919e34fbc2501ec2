// Tape: the record of a computation, and the engine that differentiates it.
//
// The one idea: every operation appends a node to the tape, and a node's arguments are always
// older than itself. So the order of the tape is an order in which the chain rule can be applied,
// and `backward` is one loop from the end to the beginning: take the gradient that has gathered at
// a node, apply the node's rules, add the results to the arguments' gradients.
//
//   Tape tape;                                     // records while it is in scope
//   const Var x = tape.variable(Tensor({{1, 2}}));
//   const Var y = sum(square(x));
//   const Gradients gradients = tape.backward(y);
//   gradients[x].value();                          // (1, 2): 2 x
//
// It differentiates with respect to what it is told: its variables, and the parameters of a Weights
// that it was made with, Tape tape(weights). Everything else is a constant, and what depends on
// constants alone is not recorded.
//
// Gradients are a result, not a field that fills up: there is nothing to zero between steps. And a
// rule is written with Vars, so a gradient can itself be recorded and differentiated again:
// tape.backward(y, Record::yes).
//
// A tape belongs to the thread that made it. Tapes may be nested, but a Var of one tape cannot be
// used while another records: that raises GraphError.
//
// Read next: record.h (how an operation is written), ops.cpp (all of them), tape.cpp (the walk).
#pragma once

#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "autograd/var.h"

namespace gradflow {

// What `backward` found: the derivative of its scalar with respect to every leaf.
class Gradients {
 public:
  // The gradient, of the leaf's shape; zeros if the scalar does not depend on it. Throws GraphError
  // for anything but a variable of the tape that was differentiated or a parameter of its Weights.
  Var operator[](const Var& x) const;
  Var operator[](const Parameter& parameter) const;
  Var of_place(std::size_t k) const;  // that of the k-th parameter of the Weights
  // Those of all Weights, one after another as they lie there: (count).
  Tensor flat() const;
  const Weights* weights() const { return weights_; }  // the tape's; null if it had none

 private:
  friend class Tape;
  // Of the gradient of the Weights: what one leaf has gathered. Each use of a parameter is a leaf.
  struct Part {
    Index begin;  // of its numbers among theirs
    Var gradient;
  };
  Var of(Index begin, const Shape& shape) const;
  std::uint64_t tape_ = 0;                            // the tape's number
  const Weights* weights_ = nullptr;                  // the tape's
  std::unordered_map<std::uint32_t, Var> variables_;  // by node
  std::vector<Part> parts_;
};

enum class Record { no, yes };  // whether the backward pass itself is recorded

class Tape {
 public:
  Tape() : Tape(nullptr) {}                                  // records from now on, on this thread
  explicit Tape(const Weights& weights) : Tape(&weights) {}  // these outlive it and its Gradients
  explicit Tape(const Weights&&) = delete;
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // A leaf with respect to which derivatives are wanted.
  Var variable(Tensor value);

  // The derivative of y, which must have one element, with respect to all leaves.
  // Throws GraphError if y is not on this tape; ShapeError if it has more elements.
  Gradients backward(const Var& y, Record record = Record::no);
  // The same for y of any shape, contracted with dy of that shape: d(sum(y dy)) / d(leaf).
  Gradients backward(const Var& y, const Var& dy, Record record = Record::no);

  // The number of nodes recorded.
  std::size_t size() const;

  // --- what record.h and tape.cpp are made of ---
  struct Node;
  struct Rule;
  struct Pass;
  struct Scope;
  struct Storage;

 private:
  friend struct Recorder;

  explicit Tape(const Weights* weights);
  Var add_node(const char* op, Var value);
  // A rule's term summed to the shape of the argument whose gradient it is.
  static Var fitted(Var term, const Shape& shape, Record record);

  std::shared_ptr<Scope> scope_;  // this tape among those in scope
  std::unique_ptr<Storage> storage_;
  const Weights* weights_;
  std::uint64_t id_;
  std::thread::id thread_ = std::this_thread::get_id();
};

// While one is in scope, nothing that this thread computes is recorded on the tape that is the
// innermost when it is made: for sampling and scoring, whose histories nobody wants.
class Unrecorded {
 public:
  Unrecorded();
  ~Unrecorded();
  Unrecorded(const Unrecorded&) = delete;
  Unrecorded& operator=(const Unrecorded&) = delete;

 private:
  std::shared_ptr<Tape::Scope> scope_;  // the innermost tape's, if there is one
  bool before_ = false;
};

}  // namespace gradflow
