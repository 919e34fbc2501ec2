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
// Gradients are a result, not a field that fills up: there is nothing to zero between steps. And a
// rule is written with Vars, so a gradient can itself be recorded and differentiated again:
// tape.backward(y, Record::yes).
//
// A tape belongs to the thread that made it. Tapes may be nested, but a Var of one tape cannot be
// used while another records: that raises GraphError.
//
// Read next: ops.cpp, where the rules are.
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "autograd/var.h"

namespace gradflow {

// What `backward` found: the derivative of its scalar with respect to every leaf.
class Gradients {
 public:
  // The gradient, of the leaf's shape; zeros if the scalar does not depend on it.
  // Throws GraphError if `x` is not a leaf (a variable) of the tape that was differentiated.
  Var operator[](const Var& x) const;
  Var operator[](const Parameter& parameter) const;

  // Where one contribution to a parameter's gradient lies. A parameter that was used several times
  // has several; their sum is its gradient.
  struct Term {
    const Parameter* parameter;  // whose gradient
    std::size_t piece;           // of pieces()
    Index offset;                // of the first number
  };
  // All contributions, in the order in which they arose, and the tensors that `piece` counts.
  const std::vector<Term>& terms() const { return terms_; }
  const std::vector<Var>& pieces() const { return pieces_; }

 private:
  friend class Tape;
  std::uint64_t tape_ = 0;                            // the tape's number
  std::unordered_map<std::uint32_t, Var> variables_;  // by node
  std::vector<Var> pieces_;
  std::vector<Term> terms_;
};

enum class Record { no, yes };  // whether the backward pass itself is recorded

class Tape {
 public:
  // A watching tape looks at every number that passes, which takes time: it is for finding out what
  // went wrong. It throws NonFiniteError at the first result or gradient that is not finite, naming
  // the operation that it came from. Composed forms are used instead of fused ones, so that it can
  // be told where.
  enum class Watch { no, yes };

  explicit Tape(Watch watch = Watch::no);  // records from now on, on this thread
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // A leaf with respect to which derivatives are wanted.
  Var variable(Tensor value) { return leaf(std::move(value), nullptr); }

  // The derivative of y, which must have one element, with respect to all leaves.
  // Throws GraphError if y is not on this tape; ShapeError if it has more elements.
  Gradients backward(const Var& y, Record record = Record::no);
  // The same for y of any shape, contracted with dy of that shape: d(sum(y dy)) / d(leaf).
  Gradients backward(const Var& y, const Var& dy, Record record = Record::no);

  // When it has thrown: the parameter whose gradient it was, or else the last one that was used
  // before; null if none was.
  const Parameter* suspect() const { return suspect_; }

  // The number of nodes recorded.
  std::size_t size() const { return storage_->nodes.size(); }

  // --- for operations: see record() below ---

  // Where rules deliver: adds a term to the gradient that gathers at an argument or a parameter.
  struct Sink {
    Tape& tape;                   // the one that is differentiated
    Record record;                // whether rules record what they compute
    Gradients& result;            // what has been found so far
    const char* op = "backward";  // whose rules are applied
    std::size_t first = 0;        // of the nodes that these rules record
    // A term for a node, or for an argument if it is tracked; `term` is summed to its shape.
    void add(std::uint32_t node, Var term) const;
    void add(const Var& argument, Var term) const {
      if (argument.tracked()) add(argument.node_, std::move(term));
    }
    void add(const Parameter* parameter, Var term) const {  // term: of the parameter's shape
      add(parameter, keep(std::move(term)), 0);
    }
    // For the gradients of many parameters in one tensor: keep(tensor) gives the number by which
    // each of them is then added.
    std::size_t keep(Var piece) const;
    void add(const Parameter* parameter, std::size_t piece, Index offset) const;
    // For a fused operation that is to be recorded: y is its result, computed again, in this rule,
    // from operations that have rules of their own. Theirs take dy on to the arguments. Throws
    // GraphError if the pass is not recorded.
    void through(const Var& y, const Var& dy) const;
  };

  // Turns the gradient of a node's value into gradients of its arguments.
  struct Rule {
    virtual ~Rule() = default;
    // dy: the gradient of the node's value, of its shape.
    virtual void apply(const Var& dy, const Sink& sink) const = 0;
    Rule* next = nullptr;  // the node's other rules
  };

  // The tape on which this thread's operations are being recorded now, or null.
  static Tape* recording();
  static bool watching();  // true if it looks at every number
  // True if x is tracked on the tape in scope. Throws GraphError, naming `op`, if it is tracked on
  // another: one that has ended or does not record now.
  static bool tracks(const char* op, const Var& x);
  // Appends a node of this value (its history does not matter) and returns the Var that stands for
  // it.
  Var add_node(const char* op, Var value);
  Var leaf(Tensor value, const Parameter* parameter);  // of a parameter; null: a variable
  // Give y's node a rule: for one argument, rule(dy) or rule(dy, y); for several, rule(dy, sink).
  template <class F>
  void add_rule(const Var& y, const Var& argument, F&& rule);
  template <class F>
  void add_joint_rule(const Var& y, F rule);

 private:
  friend class Var;

  struct Node {
    const char* op;
    Shape shape;
    Rule* rules = nullptr;
    const Parameter* parameter = nullptr;  // set on the leaves that Parameters make
  };
  struct Storage {  // kept by the thread from tape to tape
    // Of the rules. They all die at the same moment, so memory is handed out by moving a pointer,
    // and nothing is freed on its own.
    std::pmr::monotonic_buffer_resource arena{1 << 16};
    std::vector<Node> nodes;
    std::vector<std::optional<Var>> gradients;
    std::size_t terms = 0;  // of the last backward pass
  };
  template <class F>
  struct FunctionRule;

  static thread_local Tape* innermost_;  // the tape in scope on this thread
  static thread_local std::vector<std::unique_ptr<Storage>> spare_;
  static Var fitted(Var term, const Shape& shape, Record record);
  void walk(std::size_t end, std::size_t begin, Sink sink);
  void look_at(const Tensor& x, const char* format, const char* op, const Parameter* at);

  std::unique_ptr<Storage> storage_;
  std::uint64_t id_;
  Tape* outer_;          // the tape that recorded before this one
  bool paused_ = false;  // while a backward pass that is not recorded runs
  Watch watch_;
  const Parameter* suspect_ = nullptr;
};

// ---------------------------------------------------------------------------------------------
// How an operation is written. For y = f(a, b):
//
//   return record("f", value_of_f, wrt(a, [..](const Var& dy) { return da; }),
//                                  wrt(b, [..](const Var& dy) { return db; }));
//
// A rule captures what it needs by value. It may return a gradient of y's shape where the argument
// was broadcast: the engine sums it over the repeated axes. If a rule wants the operation's own
// result, it takes a second argument: [](const Var& dy, const Var& y). Rules of arguments that are
// not differentiated are dropped.

// An argument and the rule for its gradient.
template <class F>
struct Wrt {
  const Var& argument;  // outlives the call of record()
  F rule;               // (dy) or (dy, y) -> the argument's gradient
};

// "With respect to": pairs the two.
template <class F>
Wrt<F> wrt(const Var& argument, F rule) {
  return {argument, std::move(rule)};
}

// The result of operation `op`, with this value (a Tensor, or a Var whose history does not matter):
// on the tape in scope if one of the arguments is, else a constant. Throws GraphError if an
// argument is on a tape that does not record now.
template <class... F>
Var record(const char* op, Var value, Wrt<F>... rules) {
  const bool tracked = (int{Tape::tracks(op, rules.argument)} | ...) != 0;  // not ||: checks all
  Tape* tape = tracked ? Tape::recording() : nullptr;
  if (!tape) return std::move(value).value();
  Var y = tape->add_node(op, std::move(value));
  (tape->add_rule(y, rules.argument, std::move(rules.rule)), ...);
  return y;
}

// What the rule of an operation gives gradients to.
enum class Uses { arguments, parameters };

// The general form, for operations with many arguments, or whose gradients are best computed
// together: rule(dy, to) gives each argument its own by to.add(argument, gradient). An operation
// that uses Parameters themselves (its rule gives to.add(&parameter, gradient)) passes
// Uses::parameters: it is recorded even if no argument is tracked.
template <class F>
Var record_jointly(const char* op, Var value, std::span<const Var> arguments, F rule,
                   Uses uses = Uses::arguments) {
  bool tracked = uses == Uses::parameters;
  for (const Var& argument : arguments) tracked |= Tape::tracks(op, argument);
  Tape* tape = tracked ? Tape::recording() : nullptr;
  if (!tape) return std::move(value).value();
  Var y = tape->add_node(op, std::move(value));
  tape->add_joint_rule(y, std::move(rule));
  return y;
}

template <class F>
struct Tape::FunctionRule final : Tape::Rule {
  explicit FunctionRule(F&& f) : rule(std::move(f)) {}
  void apply(const Var& dy, const Sink& to) const override { rule(dy, to); }
  F rule;
};

template <class F>
void Tape::add_joint_rule(const Var& y, F rule) {
  std::pmr::polymorphic_allocator<> allocator(&storage_->arena);
  Rule* made = allocator.new_object<FunctionRule<F>>(std::move(rule));
  made->next = std::exchange(storage_->nodes[y.node_].rules, made);
}

template <class F>
void Tape::add_rule(const Var& y, const Var& argument, F&& rule) {
  if (!argument.tracked()) return;
  const std::uint32_t node = argument.node_;
  if constexpr (std::is_invocable_v<F, const Var&, const Var&>)
    add_joint_rule(y, [node, rule = std::forward<F>(rule), y = y](const Var& dy, const Sink& to) {
      to.add(node, rule(dy, y));
    });
  else
    add_joint_rule(y, [node, rule = std::forward<F>(rule)](const Var& dy, const Sink& to) {
      to.add(node, rule(dy));
    });
}

}  // namespace gradflow
