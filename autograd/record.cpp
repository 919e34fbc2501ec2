// What operations leave on the tape: nodes, rules and leaves.

#include "autograd/record.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/storage.h"
#include "autograd/transcript.h"

namespace gradflow {

bool Recorder::tracks(const char* op, const Var& x) {
  if (!x.tracked()) return false;
  const Tape* tape = innermost_tape();
  if (tape && x.tape_ == tape->id_) return true;
  for (const Tape::Scope* scope = innermost_scope(); scope; scope = scope->outer.get()) {
    const Tape* outer = scope->tape;
    require<GraphError>(!outer || outer->id_ != x.tape_,
                        "{}: an argument of an outer tape given; only the innermost tape records; "
                        "hint: pass its value() to use it as a constant",
                        op);
  }
  throw GraphError(
      fmt::format("{}: an argument of a tape that has ended, or of another thread's, given; hint: "
                  "keep the Tape in scope, or pass the argument's value() to use it as a constant",
                  op));
}

// For watched numbers: `at` is the parameter to be blamed.
void look_at(const Tensor& x, const char* format, const char* op, const std::string& at) {
  if (!numbers_are_watched() || all_finite(x)) return;
  throw NonFiniteError(fmt::format(fmt::runtime(format), op) +
                       (at.empty() ? "" : ", at parameter " + at));
}

Var Tape::add_node(const char* op, Var value) {
  look_at(value.value_, "the result of {} is not finite", op, storage_->last_parameter);
  if (Transcript* transcript = Transcript::current()) transcript->recorded(op, value.value_);
  value.tape_ = id_;
  value.node_ = static_cast<std::uint32_t>(storage_->nodes.size());
  storage_->nodes.push_back({op, value.shape()});
  return value;
}

Var Tape::variable(Tensor value) {
  Var x = add_node("variable", std::move(value));
  storage_->nodes.back().kind = Kind::variable;
  return x;
}

Var Recorder::weights_leaf(Tape& tape, const char* op, Tensor value, Index begin) {
  if (numbers_are_watched()) tape.storage_->last_parameter = tape.weights_->name_at(begin);
  Var x = tape.add_node(op, std::move(value));
  tape.storage_->nodes.back().kind = Kind::weights;
  tape.storage_->nodes.back().begin = begin;
  if (Transcript* transcript = Transcript::current())
    transcript->named(tape.weights_->name_at(begin));
  return x;
}

Var::Var(const Parameter& parameter) : Var(parameter.value()) {
  Tape* tape = Recorder::recording();
  const auto begin = tape ? Recorder::place(*tape, parameter) : std::nullopt;
  if (begin) *this = Recorder::weights_leaf(*tape, "parameter", std::move(value_), *begin);
}

std::optional<Index> Recorder::place(const Tape& tape, const Parameter& parameter) {
  return tape.weights_ ? tape.weights_->find(parameter) : std::nullopt;
}

const Weights* Recorder::weights() {
  const Tape* tape = recording();
  return tape ? tape->weights_ : nullptr;
}

std::optional<SideBySide> SideBySide::find(std::vector<const Parameter*> parameters) {
  const Tape* tape = Recorder::recording();
  SideBySide found{.parameters = std::move(parameters), .count = 0, .begin = {}, .first = nullptr};
  bool together = true;  // in memory, as after the first step of an optimiser
  for (const Parameter* parameter : found.parameters) {
    const auto place = tape ? Recorder::place(*tape, *parameter) : std::nullopt;
    const Tensor& value = parameter->value();
    if (found.count == 0) found.begin = place, found.first = value.data();
    if (place != (found.begin ? std::optional(*found.begin + found.count) : std::nullopt))
      return std::nullopt;
    together &= value.data() == found.first + found.count;
    found.count += value.size();
  }
  if (!together) found.first = nullptr;
  return found;
}

Var SideBySide::numbers() const {
  Tensor all(Shape{count});
  real* out = all.mutable_data();
  if (first)
    std::copy_n(first, count, out);
  else
    for (const Parameter* parameter : parameters)
      out = std::copy_n(parameter->value().data(), parameter->value().size(), out);
  return begin
             ? Recorder::weights_leaf(*Recorder::recording(), "parameters", std::move(all), *begin)
             : Var(std::move(all));
}

std::uint32_t Recorder::node_of(const Var& x) { return x.node_; }
std::pmr::memory_resource& Recorder::arena(Tape& tape) { return tape.storage_->arena; }
std::size_t Tape::size() const { return storage_->nodes.size(); }

void Recorder::attach(Tape& tape, const Var& y, Tape::Rule* rule) {
  rule->next = std::exchange(tape.storage_->nodes[y.node_].rules, rule);
}

void Recorder::later_result(Tape& tape, const Var& y) {
  tape.storage_->nodes[y.node_].kind = Kind::later_result;
}

}  // namespace gradflow
