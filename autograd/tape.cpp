// The walk: how what has gathered at the end of a tape is handed on to its leaves.

#include "autograd/tape.h"

#include <algorithm>

#include "autograd/ops.h"
#include "autograd/storage.h"
#include "autograd/transcript.h"

namespace gradflow {
namespace {

struct Restored {  // gives a place its value back at the end of a scope, whatever happens there
  bool& place;
  bool value;
  ~Restored() { place = value; }
};

}  // namespace

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
  if (record == Record::no) return result;
  // What was recorded can be differentiated again, and is on this tape even if it depends on
  // nothing; so is the 0 of parameters that no rule has reached.
  const auto put_on_tape = [&](Var& x) {
    if (!x.tracked()) x = add_node("gradient", std::move(x));
  };
  if (weights_) result.parts_.push_back({0, zeros({weights_->count()})});
  for (auto& [node, gradient] : result.variables_) put_on_tape(gradient);
  for (auto& part : result.parts_) put_on_tape(part.gradient);
  return result;
}

void Tape::Pass::walk(std::size_t end, std::size_t begin) const {
  Storage& storage = *tape.storage_;
  for (std::size_t i = end; i-- > begin;) {
    const Node node = storage.nodes[i];  // a copy: a recorded rule may move the nodes
    if (node.kind == Kind::later_result)
      continue;  // its gradient waits for the first result's rule
    std::optional<Var> reached = std::exchange(storage.gradients[i], std::nullopt);
    if (Transcript* transcript = Transcript::current())
      transcript->reached(i, reached ? &reached->value_ : nullptr);
    if (node.kind == Kind::variable) {
      result.variables_.emplace(i, reached ? std::move(*reached) : Var(zeros(node.shape)));
      continue;
    }
    bool any = reached.has_value();
    for (std::size_t k = i + 1; k < end && storage.nodes[k].kind == Kind::later_result; ++k)
      any |= storage.gradients[k].has_value();
    if (!any) continue;
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
  for (std::size_t k = 0; k < y.size(); ++k) {
    if (!y[k].tracked()) continue;
    require<GraphError>(y[k].shape() == dy[k].shape(),
                        "{}: composed of others it gives {}, fused {}; the same is required",
                        pass.op, y[k].shape(), dy[k].shape());
    pass.add(y[k].node_, dy[k]);
  }
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
  if (numbers_are_watched())
    look_at(term.value(), "a gradient from {} is not finite", op,
            to.kind == Kind::weights ? tape.weights_->name_at(to.begin) : "");
  if (Transcript* transcript = Transcript::current()) transcript->handed_on(node);
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
    if (begin < at || end > at + size) continue;
    const Var flat = reshape(gradient, Shape{size});
    const Var term = reshape(slice(flat, 0, begin - at, end - at), shape);
    sum = sum ? *sum + term : term;
  }
  return sum ? *sum : Var(zeros(shape));
}

Tensor Gradients::flat() const {
  if (parts_.size() == 1 && weights_ && parts_[0].gradient.value().size() == weights_->count())
    return parts_[0].gradient.value().reshaped(Shape{weights_->count()});  // one part is all of it
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
