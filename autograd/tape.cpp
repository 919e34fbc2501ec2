#include "autograd/tape.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "autograd/ops.h"
#include "autograd/record.h"
#include "autograd/watch.h"

namespace gradflow {

enum class Kind { result, later_result, variable, weights };

struct Tape::Node {
  const char* op;
  Shape shape;
  Kind kind = Kind::result;
  Rule* rules = nullptr;
  Index begin = 0;  // of weights: which numbers of theirs
};

struct Tape::Storage {  // kept by the thread from tape to tape
  // Of the rules. They all die at the same moment, so memory is handed out by moving a pointer,
  // and nothing is freed on its own.
  std::pmr::monotonic_buffer_resource arena{1 << 16};
  std::vector<Node> nodes;
  std::vector<std::optional<Var>> gradients;  // of the pass that is under way
  bool walking = false;                       // whether one is
  std::size_t parts = 0;                      // of the last one's result
  std::string last_parameter;                 // used before a number went wrong, if it is watched
};

// A tape among those that a thread has in scope. It outlives the tape: whoever looks at the
// thread's innermost tape must find out that it is gone.
struct Tape::Scope {
  std::atomic<Tape*> tape;  // null: it has ended
  std::shared_ptr<Scope> outer;
  bool paused = false;  // while nothing is recorded
};

namespace {

std::atomic<std::uint64_t> last_id = 0;
thread_local bool watched = false;

// Of this thread: the innermost scope, and storage for its next tapes. The plain pointer is what
// every operation looks at; null, too, when the thread is ending and the rest is gone.
thread_local Tape::Scope* current = nullptr;
struct OfThread {
  std::shared_ptr<Tape::Scope> innermost;
  std::vector<std::unique_ptr<Tape::Storage>> spare;
  bool* alive;
  explicit OfThread(bool& flag) : alive(&flag) { flag = true; }
  ~OfThread() {
    *alive = false;
    current = nullptr;
  }
};
thread_local bool thread_is_alive = true;
thread_local OfThread of_thread(thread_is_alive);

// Forgets the tapes that have ended, down to the first that has not.
void leave_ended_scopes() {
  auto& innermost = of_thread.innermost;
  while (innermost && !innermost->tape) innermost = std::shared_ptr(innermost->outer);
  current = innermost.get();
}

// The innermost tape in scope on this thread, or null.
Tape* innermost_tape() {
  if (!current) return nullptr;
  if (Tape* tape = current->tape.load(std::memory_order_acquire)) return tape;
  leave_ended_scopes();
  throw GraphError(
      "tape: one of this thread's tapes has been ended by another thread; hint: let a "
      "Tape end on the thread that made it");
}

struct Restored {  // gives a place its value back at the end of a scope, whatever happens there
  bool& place;
  bool value;
  ~Restored() { place = value; }
};

}  // namespace

WatchNumbers::WatchNumbers() : before_(std::exchange(watched, true)) {}
WatchNumbers::~WatchNumbers() { watched = before_; }
bool watching() { return watched && Recorder::recording(); }

// --- What is in scope --------------------------------------------------------------------------

Tape::Tape(const Weights* weights) : weights_(weights), id_(++last_id) {
  require<GraphError>(thread_is_alive, "tape: made while its thread is ending");
  auto& [innermost, spare, alive] = of_thread;
  if (spare.empty()) spare.push_back(std::make_unique<Storage>());
  storage_ = std::move(spare.back());
  spare.pop_back();
  scope_ = std::make_shared<Scope>();
  scope_->tape = this;
  scope_->outer = std::exchange(innermost, scope_);
  current = scope_.get();
}

Tape::~Tape() {
  // The newest rules first: the pool gives out first what came back last, so that the next step
  // finds each buffer where this one had it.
  for (std::size_t i = storage_->nodes.size(); i-- > 0;)
    for (Rule* rule = storage_->nodes[i].rules; rule;) std::exchange(rule, rule->next)->~Rule();
  storage_->nodes.clear();
  storage_->arena.release();
  scope_->tape = nullptr;
  if (!thread_is_alive) return;  // a static tape, or one that outlives its thread
  of_thread.spare.push_back(std::move(storage_));
  if (thread_ == std::this_thread::get_id()) leave_ended_scopes();
}

Tape* Recorder::recording() {
  Tape* tape = innermost_tape();
  return tape && !current->paused ? tape : nullptr;
}

Unrecorded::Unrecorded() {
  if (!innermost_tape()) return;
  scope_ = of_thread.innermost;
  before_ = std::exchange(scope_->paused, true);
}

Unrecorded::~Unrecorded() {
  if (scope_) scope_->paused = before_;
}

bool Recorder::tracks(const char* op, const Var& x) {
  if (!x.tracked()) return false;
  const Tape* tape = innermost_tape();
  if (tape && x.tape_ == tape->id_) return true;
  for (const Tape::Scope* scope = current; scope; scope = scope->outer.get()) {
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

// --- What is recorded --------------------------------------------------------------------------

namespace {

// For watched numbers: `at` is the parameter to be blamed.
void look_at(const Tensor& x, const char* format, const char* op, const std::string& at) {
  if (!watched || all_finite(x)) return;
  throw NonFiniteError(fmt::format(fmt::runtime(format), op) +
                       (at.empty() ? "" : ", at parameter " + at));
}

}  // namespace

Var Tape::add_node(const char* op, Var value) {
  look_at(value.value_, "the result of {} is not finite", op, storage_->last_parameter);
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
  if (watched) tape.storage_->last_parameter = tape.weights_->name_at(begin);
  Var x = tape.add_node(op, std::move(value));
  tape.storage_->nodes.back().kind = Kind::weights;
  tape.storage_->nodes.back().begin = begin;
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

std::optional<Var> side_by_side(std::span<const Parameter* const> parameters) {
  Tape* tape = Recorder::recording();
  Index n = 0;
  std::optional<Index> begin;
  bool in_order = true;
  for (const Parameter* parameter : parameters) {
    const auto place = tape ? Recorder::place(*tape, *parameter) : std::nullopt;
    if (n == 0) begin = place;
    in_order &= place == (begin ? std::optional(*begin + n) : std::nullopt);
    n += parameter->value().size();
  }
  if (!in_order) return std::nullopt;
  Tensor numbers(Shape{n});
  real* out = numbers.mutable_data();
  for (const Parameter* parameter : parameters)
    out = std::copy_n(parameter->value().data(), parameter->value().size(), out);
  return begin ? Recorder::weights_leaf(*tape, "parameters", std::move(numbers), *begin)
               : Var(std::move(numbers));
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

// --- The walk ----------------------------------------------------------------------------------

Gradients Tape::backward(const Var& y, Record record) {
  require(y.value().size() == 1,
          "backward: a result of shape {} given; one element is required; hint: take "
          "its sum or mean, or pass dy",
          y.shape());
  return backward(y, Var(ones(y.shape())), record);
}

Gradients Tape::backward(const Var& y, const Var& dy, Record record) {
  require<GraphError>(thread_ == std::this_thread::get_id(),
                      "backward: called on another thread than the one that made the tape");
  require<GraphError>(y.tape_ == id_,
                      "backward: a result that is not on this tape given; hint: compute it from a "
                      "variable(), or a Parameter of the tape's Weights, while this tape is the "
                      "innermost in scope");
  require<GraphError>(innermost_tape() == this, "backward: called while an inner tape is in scope");
  require<GraphError>(!storage_->walking,
                      "backward: called by a rule of the same tape, which is "
                      "being differentiated");
  require(dy.shape() == y.shape(),
          "backward: dy {} for a result {} given; the shapes must be equal", dy.shape(), y.shape());
  const Restored paused{scope_->paused, scope_->paused};
  const Restored walking{storage_->walking, false};
  scope_->paused |= record == Record::no;
  storage_->walking = true;
  auto& gradients = storage_->gradients;
  gradients.assign(size(), std::nullopt);
  gradients[y.node_] = fitted(dy, y.shape(), record);
  Gradients result;
  result.tape_ = id_;
  result.weights_ = weights_;
  result.parts_.reserve(storage_->parts);
  Pass{*this, record, result, "backward"}.walk(size(), 0);
  storage_->parts = result.parts_.size();
  // What was recorded can be differentiated again, and is on this tape even if it depends on
  // nothing.
  const auto on_tape = [&](Var& x) {
    if (record == Record::yes && !x.tracked()) x = add_node("gradient", std::move(x));
  };
  for (auto& [node, gradient] : result.variables_) on_tape(gradient);
  for (auto& part : result.parts_) on_tape(part.gradient);
  return result;
}

void Tape::Pass::walk(std::size_t end, std::size_t begin) const {
  Storage& storage = *tape.storage_;
  for (std::size_t i = end; i-- > begin;) {
    const Node node = storage.nodes[i];  // a copy: a recorded rule may move the nodes
    if (node.kind == Kind::later_result)
      continue;  // its gradient waits for the first result's rule
    std::optional<Var> reached = std::exchange(storage.gradients[i], std::nullopt);
    if (node.kind == Kind::variable)
      result.variables_.emplace(i, reached ? std::move(*reached) : Var(zeros(node.shape)));
    bool any = reached.has_value();
    for (std::size_t k = i + 1; k < end && storage.nodes[k].kind == Kind::later_result; ++k)
      any |= storage.gradients[k].has_value();
    if (!any || node.kind == Kind::variable) continue;
    if (node.kind == Kind::weights) {
      result.parts_.push_back({node.begin, std::move(*reached)});
      continue;
    }
    const Pass here{tape, record, result, node.op};
    const Var dy = reached ? std::move(*reached) : Var(zeros(node.shape));
    for (const Rule* rule = node.rules; rule; rule = rule->next) rule->apply(dy, here);
  }
}

void Recorder::through(const Tape::Pass& pass, std::span<const Var> y, std::span<const Var> dy,
                       std::size_t first) {
  pass.tape.storage_->gradients.resize(pass.tape.size());
  for (std::size_t k = 0; k < y.size(); ++k)
    if (y[k].tracked()) pass.add(y[k].node_, dy[k]);
  pass.walk(pass.tape.storage_->gradients.size(), first);
}

// A term as it may be added up: of the argument's own shape, and a constant unless it is recorded,
// whatever the rule gave.
Var Tape::fitted(Var term, const Shape& shape, Record record) {
  if (term.shape() != shape) term = sum_to(term, shape);
  return record == Record::yes ? term : Var(std::move(term.value_));
}

void Tape::Pass::add(std::uint32_t node, Var term) const {
  Storage& storage = *tape.storage_;
  const Node& to = storage.nodes[node];
  if (watched)
    look_at(term.value(), "a gradient from {} is not finite", op,
            to.kind == Kind::weights ? tape.weights_->name_at(to.begin) : "");
  term = fitted(std::move(term), to.shape, record);
  std::optional<Var>& sum = storage.gradients[node];
  if (!sum)
    sum = std::move(term);
  else if (record == Record::yes)
    sum = *sum + term;
  else
    kernel::add_in_place(sum->value_, term.value());  // copies first if others share the storage
}

Var Tape::Pass::gathered(std::uint32_t node) const {
  std::optional<Var> gradient = std::exchange(tape.storage_->gradients[node], std::nullopt);
  return gradient ? std::move(*gradient) : Var(zeros(tape.storage_->nodes[node].shape));
}

// --- The result --------------------------------------------------------------------------------

Var Gradients::operator[](const Var& x) const {
  const auto found = x.tape_ == tape_ ? variables_.find(x.node_) : variables_.end();
  require<GraphError>(
      found != variables_.end(),
      "gradients: asked for something that is not a variable of the tape; gradients "
      "are kept for variables and parameters only; hint: Tape::variable()");
  return found->second;
}

Var Gradients::operator[](const Parameter& parameter) const {
  const auto begin = weights_ ? weights_->find(parameter) : std::nullopt;
  require<GraphError>(begin.has_value(),
                      "gradients: asked for a parameter that is not among the "
                      "Weights of the tape; it was a constant; hint: "
                      "Tape tape(weights)");
  return of(*begin, parameter.shape());
}

Var Gradients::of_place(std::size_t k) const {
  require<GraphError>(weights_ && k < weights_->places().size(),
                      "gradients: place {} of the Weights asked for, of which there are {}", k,
                      weights_ ? weights_->places().size() : 0);
  return of(weights_->places()[k].begin, weights_->places()[k].shape);
}

Var Gradients::of(Index begin, const Shape& shape) const {
  const Index end = begin + shape.size();
  std::optional<Var> sum;
  for (const auto& [at, gradient] : parts_) {
    const Index size = gradient.value().size();
    if (begin < at || end > at + size || shape.size() == 0) continue;
    const Var flat = reshape(gradient, Shape{size});
    const Var term = reshape(slice(flat, 0, begin - at, end - at), shape);
    sum = sum ? *sum + term : term;
  }
  return sum ? *sum : Var(zeros(shape));
}

Tensor Gradients::flat() const {
  Tensor all(Shape{weights_ ? weights_->count() : 0});
  if (all.size() == 0) return all;
  real* out = all.mutable_data();
  // From the first number to the last: what several parts have is added up, what none has is 0.
  std::vector<const Part*> parts;
  for (const Part& part : parts_) parts.push_back(&part);
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part* a, const Part* b) { return a->begin < b->begin; });
  Index done = 0;  // all before it are written
  for (const Part* part : parts) {
    const Tensor& gradient = part->gradient.value();
    const real* term = gradient.data();
    const Index begin = part->begin, end = begin + gradient.size();
    if (begin > done) std::fill(out + done, out + begin, real{0});
    const Index again = std::clamp(done, begin, end);  // before it they are added to
#pragma omp simd
    for (Index i = begin; i < again; ++i) out[i] += term[i - begin];
    std::copy(term + (again - begin), term + (end - begin), out + again);
    done = std::max(done, end);
  }
  std::fill(out + done, out + all.size(), real{0});
  return all;
}

}  // namespace gradflow
