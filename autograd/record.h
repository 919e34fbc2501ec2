// How an operation is written: what the author of one needs, and nobody else.
//
// For y = f(a, b), with the rules beside the value:
//
//   return record("f", value_of_f, wrt(a, [..](const Var& dy) { return da; }),
//                                  wrt(b, [..](const Var& dy) { return db; }));
//
// A rule captures what it needs by value and returns a gradient. That may have y's shape where the
// argument was broadcast: the engine sums it over the repeated axes. If a rule wants the
// operation's own result, it takes a second argument: [](const Var& dy, const Var& y). Rules of
// arguments that are not differentiated are dropped.
//
// An operation that several others could be made of, but that is faster in one loop, is fused: see
// record_fused() below, which is told both forms.
//
// wrt(), the first record() and the comment above record_fused() are enough for a first reading;
// what stands between them is how rules get onto the tape.
//
// Read next: ops.cpp.
#pragma once

#include <array>
#include <memory_resource>
#include <span>
#include <type_traits>

#include "autograd/tape.h"

namespace gradflow {

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

// One backward pass, as rules meet it.
struct Tape::Pass {
  Tape& tape;         // that is differentiated
  Record record;      // whether rules record what they compute
  Gradients& result;  // what has been found so far
  const char* op;     // whose rules are applied
  // Adds a term to what gathers at a node.
  void add(std::uint32_t node, Var term) const;
  // The gradient that has gathered at a node, of its shape.
  Var gathered(std::uint32_t node) const;
  // From node end - 1 to node `begin`: what has gathered at each is handed on by its rules.
  void walk(std::size_t end, std::size_t begin) const;
};

// Turns the gradient of a node's value into gradients of its arguments.
struct Tape::Rule {
  virtual ~Rule() = default;
  // dy: the gradient of the node's value, of its shape.
  virtual void apply(const Var& dy, const Pass& pass) const = 0;
  Rule* next = nullptr;  // the node's other rules
};

// What the functions below build on.
struct Recorder {
  // The tape on which this thread's operations are being recorded now, or null.
  static Tape* recording();
  // True if x is tracked on the tape in scope. Throws GraphError, naming `op`, if it is tracked on
  // another: one that has ended or does not record now.
  static bool tracks(const char* op, const Var& x);
  // Appends a node of this value (its history does not matter).
  static Var add_node(Tape& tape, const char* op, Var value) {
    return tape.add_node(op, std::move(value));
  }
  static std::uint32_t node_of(const Var& x);
  // The Weights of the tape on which is being recorded, or null.
  static const Weights* weights();
  // Where the parameter is among the tape's Weights, if it is; and a leaf for numbers of theirs.
  static std::optional<Index> place(const Tape& tape, const Parameter& parameter);
  static Var weights_leaf(Tape& tape, const char* op, Tensor value, Index begin);
  static std::pmr::memory_resource& arena(Tape& tape);  // for rules: they all die with the tape
  static void attach(Tape& tape, const Var& y, Tape::Rule* rule);
  // The k-th result of an operation with several: its gradient waits for the first one's rule.
  static void later_result(Tape& tape, const Var& y);
  // Differentiates y, which was recorded from node `first` on, down to there.
  static void through(const Tape::Pass& pass, std::span<const Var> y, std::span<const Var> dy,
                      std::size_t first);

  template <class F>
  struct FunctionRule final : Tape::Rule {
    explicit FunctionRule(F&& f) : rule(std::move(f)) {}
    void apply(const Var& dy, const Tape::Pass& pass) const override { rule(dy, pass); }
    F rule;
  };
  template <class F>  // rule(dy, pass)
  static void add_rule(Tape& tape, const Var& y, F rule) {
    std::pmr::polymorphic_allocator<> allocator(&arena(tape));
    attach(tape, y, allocator.new_object<FunctionRule<F>>(std::move(rule)));
  }
  template <class F>  // the same for an argument; nothing if that is not tracked
  static void add_rule(Tape& tape, const Var& y, Wrt<F>&& of) {
    if (!of.argument.tracked()) return;
    const std::uint32_t node = node_of(of.argument);
    if constexpr (std::is_invocable_v<F, const Var&, const Var&>)
      add_rule(tape, y, [node, rule = std::move(of.rule), y = y](const Var& dy, const auto& pass) {
        pass.add(node, rule(dy, y));
      });
    else
      add_rule(tape, y, [node, rule = std::move(of.rule)](const Var& dy, const auto& pass) {
        pass.add(node, rule(dy));
      });
  }
};

// The result of operation `op`, with this value (a Tensor, or a Var whose history does not matter):
// on the tape in scope if one of the arguments is, else a constant. Throws GraphError if an
// argument is on a tape that does not record now.
template <class... F>
Var record(const char* op, Var value, Wrt<F>... rules) {
  const bool tracked = (int{Recorder::tracks(op, rules.argument)} | ...) != 0;  // checks all
  Tape* tape = tracked ? Recorder::recording() : nullptr;
  if (!tape) return std::move(value).value();
  Var y = Recorder::add_node(*tape, op, std::move(value));
  (Recorder::add_rule(*tape, y, std::move(rules)), ...);
  return y;
}

// The same for any number of arguments: rule(dy, k) is the gradient of the k-th.
template <class F>
Var record(const char* op, Var value, std::span<const Var> arguments, F rule) {
  bool tracked = false;
  for (const Var& argument : arguments) tracked |= Recorder::tracks(op, argument);
  Tape* tape = tracked ? Recorder::recording() : nullptr;
  if (!tape) return std::move(value).value();
  Var y = Recorder::add_node(*tape, op, std::move(value));
  for (std::size_t k = 0; k < arguments.size(); ++k)
    Recorder::add_rule(*tape, y,
                       wrt(arguments[k], [rule, k](const Var& dy) { return rule(dy, k); }));
  return y;
}

// True while somebody looks at every number that is recorded (watch.h): fused operations then give
// way to what they are composed of, so that it can be told where one went wrong. record_fused()
// asks by itself, but only when the loop has run, and what it is given may hold the numbers of many
// parameters in one. So a fused form of whole networks asks before its loop, and leaves the work to
// the plain operations, which name the operation and the parameter at fault.
bool watching();

// f(0), f(1), .. f(n - 1)
template <std::size_t n, class F>
auto array_of(const F& f) {
  return [&]<std::size_t... k>(std::index_sequence<k...>) { return std::array{f(k)...}; }
  (std::make_index_sequence<n>{});
}

// A fused operation: several results from one loop, and their gradients from another. It carries
// its meaning with it:
//
//   values      what the loop has computed
//   arguments   what it was computed from
//   composed    (arguments) -> the same results from operations that have rules of their own
//   rule        (dy, wanted) -> a gradient for each argument, of its shape, in plain numbers; those
//               of arguments that are not wanted are not looked at. dy: one for each result.
//
// The engine chooses: `rule` is used in a backward pass that is not recorded; `composed` where a
// gradient is to be differentiated again, and where somebody looks at the numbers. tests/ hold the
// two against each other.
template <std::size_t R, std::size_t A, class Composed, class F>
std::array<Var, R> record_fused(const char* op, std::array<Tensor, R> values,
                                const std::array<Var, A>& arguments, Composed composed, F rule) {
  if (watching()) return composed(arguments);
  bool tracked = false;
  for (const Var& argument : arguments) tracked |= Recorder::tracks(op, argument);
  Tape* tape = tracked ? Recorder::recording() : nullptr;
  auto y = array_of<R>([&](std::size_t k) { return Var(std::move(values[k])); });
  if (!tape) return y;
  for (Var& result : y) result = Recorder::add_node(*tape, op, std::move(result));
  for (std::size_t k = 1; k < R; ++k) Recorder::later_result(*tape, y[k]);
  const auto nodes = array_of<R>([&](std::size_t k) { return Recorder::node_of(y[k]); });
  Recorder::add_rule(*tape, y[0], [=](const Var& dy_0, const Tape::Pass& pass) {
    const auto dy =
        array_of<R>([&](std::size_t k) { return k == 0 ? dy_0 : pass.gathered(nodes[k]); });
    if (pass.record == Record::yes) {
      const std::size_t first = pass.tape.size();
      return Recorder::through(pass, composed(arguments), dy, first);
    }
    const auto wanted = array_of<A>([&](std::size_t k) { return arguments[k].tracked(); });
    std::array<Tensor, A> gradients =
        rule(array_of<R>([&](std::size_t k) { return dy[k].value(); }), wanted);
    for (std::size_t k = 0; k < A; ++k)
      if (wanted[k]) pass.add(Recorder::node_of(arguments[k]), std::move(gradients[k]));
  });
  return y;
}

// For a fused operation that reads many parameters: their numbers as one argument of shape (n).
// What is found holds until parameter_changes() or the recording tape's Weights are others.
struct SideBySide {
  // Nothing unless all of them are side by side among the Weights of the tape that records, or none
  // is among them: then the operation has to be composed of others.
  static std::optional<SideBySide> find(std::vector<const Parameter*> parameters);
  // Copied, one after another: on the tape if they are among its Weights, else a constant.
  Var numbers() const;

  std::vector<const Parameter*> parameters;
  Index count;                 // of the numbers
  std::optional<Index> begin;  // among the Weights
  const real* first;           // in memory, where they lie side by side, too; or null
};

}  // namespace gradflow
