#include "autograd/tape.h"

#include <fmt/format.h>

#include <atomic>

#include "autograd/ops.h"

namespace gradflow {
namespace {

struct Restored {  // gives a place its value back at the end of a scope, whatever happens there
  bool& place;
  bool value;
  ~Restored() { place = value; }
};

std::atomic<std::uint64_t> last_id = 0;

}  // namespace

thread_local Tape* Tape::innermost_ = nullptr;
thread_local std::vector<std::unique_ptr<Tape::Storage>> Tape::spare_;

Tape::Tape(Watch watch) : id_(++last_id), outer_(std::exchange(innermost_, this)), watch_(watch) {
  if (spare_.empty()) spare_.push_back(std::make_unique<Storage>());
  storage_ = std::move(spare_.back());
  spare_.pop_back();
}

Tape::~Tape() {
  // The newest rules first: the pool gives out first what came back last, so that the next step
  // finds each buffer where this one had it.
  for (std::size_t i = storage_->nodes.size(); i-- > 0;)
    for (Rule* rule = storage_->nodes[i].rules; rule;) std::exchange(rule, rule->next)->~Rule();
  storage_->nodes.clear();
  storage_->arena.release();
  spare_.push_back(std::move(storage_));
  Tape** link = &innermost_;  // most often it is this one, but tapes may end in any order
  while (*link && *link != this) link = &(*link)->outer_;
  if (*link) *link = outer_;
}

Var Tape::leaf(Tensor value, const Parameter* parameter) {
  if (parameter) suspect_ = parameter;
  Var x = add_node(parameter ? "parameter" : "variable", std::move(value));
  storage_->nodes.back().parameter = parameter;
  return x;
}

Var::Var(const Parameter& parameter) : Var(parameter.value) {
  if (Tape* tape = Tape::recording()) *this = tape->leaf(parameter.value, &parameter);
}

Tape* Tape::recording() { return innermost_ && !innermost_->paused_ ? innermost_ : nullptr; }

bool Tape::watching() { return recording() && innermost_->watch_ == Watch::yes; }

void Tape::look_at(const Tensor& x, const char* format, const char* op, const Parameter* at) {
  if (watch_ == Watch::no || all_finite(x)) return;
  suspect_ = at;
  throw NonFiniteError(fmt::format(fmt::runtime(format), op));
}

Var Tape::add_node(const char* op, Var value) {
  look_at(value.value_, "the result of {} is not finite", op, suspect_);
  value.tape_ = id_;
  value.node_ = static_cast<std::uint32_t>(storage_->nodes.size());
  storage_->nodes.push_back({op, value.shape(), nullptr, nullptr});
  return value;
}

bool Tape::tracks(const char* op, const Var& x) {
  if (!x.tracked()) return false;
  if (innermost_ && x.tape_ == innermost_->id_) return true;
  for (const Tape* tape = innermost_; tape; tape = tape->outer_)
    require<GraphError>(tape->id_ != x.tape_,
                        "{}: an argument of an outer tape given; only the innermost tape records; "
                        "hint: pass its value() to use it as a constant",
                        op);
  throw GraphError(
      fmt::format("{}: an argument of a tape that has ended, or of another thread's, given; hint: "
                  "keep the Tape in scope, or pass the argument's value() to use it as a constant",
                  op));
}

Gradients Tape::backward(const Var& y, Record record) {
  require(y.value().size() == 1,
          "backward: a result of shape {} given; one element is required; hint: take "
          "its sum or mean, or pass dy",
          y.shape());
  return backward(y, Var(ones(y.shape())), record);
}

Gradients Tape::backward(const Var& y, const Var& dy, Record record) {
  require<GraphError>(y.tape_ == id_,
                      "backward: a result that is not on this tape given; hint: compute it from a "
                      "Parameter or a variable() while this tape is the innermost in scope");
  require<GraphError>(innermost_ == this, "backward: called while an inner tape is in scope");
  require(dy.shape() == y.shape(),
          "backward: dy {} for a result {} given; the shapes must be equal", dy.shape(), y.shape());
  const Restored restored{paused_, paused_};
  paused_ = record == Record::no;
  auto& gradients = storage_->gradients;
  gradients.assign(size(), std::nullopt);
  gradients[y.node_] = record == Record::yes ? dy : Var(dy.value());
  Gradients result;
  result.tape_ = id_;
  result.terms_.reserve(storage_->terms);
  walk(size(), 0, {*this, record, result});
  storage_->terms = result.terms_.size();
  return result;
}

// From node end-1 to node `begin`: what has gathered at each is handed on by its rules.
void Tape::walk(std::size_t end, std::size_t begin, Sink sink) {
  for (std::size_t i = end; i-- > begin;) {
    const Node node = storage_->nodes[i];  // a copy: a recorded rule may move the nodes
    std::optional<Var> reached = std::exchange(storage_->gradients[i], std::nullopt);
    if (!node.rules && !node.parameter)  // a variable
      sink.result.variables_.emplace(i, reached ? std::move(*reached) : Var(zeros(node.shape)));
    if (!reached) continue;
    sink.op = node.op;
    sink.first = size();
    if (node.parameter) sink.add(node.parameter, std::move(*reached));
    for (const Rule* rule = node.rules; rule; rule = rule->next) rule->apply(*reached, sink);
  }
}

void Tape::Sink::through(const Var& y, const Var& dy) const {
  require<GraphError>(record == Record::yes, "{}: through() in a pass that is not recorded", op);
  tape.storage_->gradients.resize(tape.size());
  add(y, dy);
  tape.walk(y.node_ + 1, first, *this);
}

// A term as it may be added up: of the argument's own shape, and a constant unless it is recorded,
// whatever the rule gave.
Var Tape::fitted(Var term, const Shape& shape, Record record) {
  if (term.shape() != shape) term = sum_to(term, shape);
  return record == Record::yes ? term : Var(std::move(term.value_));
}

void Tape::Sink::add(std::uint32_t node, Var term) const {
  Storage& storage = *tape.storage_;
  const Node& to = storage.nodes[node];
  tape.look_at(term.value(), "a gradient from {} is not finite", op, to.parameter);
  term = fitted(std::move(term), to.shape, record);
  std::optional<Var>& sum = storage.gradients[node];
  if (!sum)
    sum = std::move(term);
  else if (record == Record::yes)
    sum = *sum + term;
  else
    kernel::add_in_place(sum->value_, term.value());  // copies first if others share the storage
}

std::size_t Tape::Sink::keep(Var piece) const {
  const Shape shape = piece.shape();
  result.pieces_.push_back(fitted(std::move(piece), shape, record));
  return result.pieces_.size() - 1;
}

void Tape::Sink::add(const Parameter* parameter, std::size_t piece, Index offset) const {
  result.terms_.push_back({parameter, piece, offset});
}

Var Gradients::operator[](const Var& x) const {
  const auto found = x.tape_ == tape_ ? variables_.find(x.node_) : variables_.end();
  require<GraphError>(
      found != variables_.end(),
      "gradients: asked for something that is not a variable of the tape; gradients "
      "are kept for variables and parameters only; hint: Tape::variable()");
  return found->second;
}

Var Gradients::operator[](const Parameter& parameter) const {
  const Shape& shape = parameter.value.shape();
  std::optional<Var> sum;
  for (const auto& [of, piece, offset] : terms_) {
    if (of != &parameter) continue;
    const Var flat = reshape(pieces_[piece], Shape{pieces_[piece].value().size()});
    const Var term = reshape(slice(flat, 0, offset, offset + shape.size()), shape);
    sum = sum ? *sum + term : term;
  }
  return sum ? *sum : Var(zeros(shape));
}

}  // namespace gradflow
