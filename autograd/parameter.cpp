#include "autograd/parameter.h"

#include <algorithm>
#include <atomic>
#include <set>

namespace gradflow {

namespace {
std::atomic<std::uint64_t> changes = 1;
}  // namespace

std::uint64_t parameter_changes() { return changes.load(std::memory_order_relaxed); }

void require_not_moved(bool there, const char* what) {
  require<GraphError>(
      there, "{}: one that has been moved away given; hint: use the model that it was moved to",
      what);
}

Parameter::Parameter(Tensor value) : state_(std::make_shared<State>(std::move(value))) {
  ++changes;
}

Parameter::Parameter(Parameter&& other) noexcept : state_(std::move(other.state_)) { ++changes; }

Parameter& Parameter::operator=(Parameter&& other) noexcept {
  state_ = std::move(other.state_);
  ++changes;
  return *this;
}

const Tensor& Parameter::value() const {
  require_not_moved(state_ != nullptr, "parameter");
  return state_->value;
}

Parameter& Parameter::operator=(Tensor value) {
  if (!state_) return *this = Parameter(std::move(value));
  state_->value = std::move(value);
  ++changes;
  return *this;
}

Weights::Weights(const Parameters& parameters) {
  static std::atomic<std::uint64_t> last_id = 0;
  id_ = ++last_id;
  std::set<std::string> names;
  for (const auto& [name, parameter] : parameters) {
    require<GraphError>(names.insert(name).second,
                        "Weights: two parameters named \"{}\" given; each name once", name);
    const Shape& shape = parameter->shape();
    require<GraphError>(
        !find(*parameter),
        "Weights: the parameter \"{}\" given, which the list has already; each once", name);
    parameter->state_->weights = id_;
    parameter->state_->begin = count_;
    parameter->state_->size = shape.size();
    places_.push_back({name, count_, shape.size(), shape});
    states_.push_back(parameter->state_);
    count_ += shape.size();
  }
  ++changes;
}

// For a parameter that Weights which were made later know, too, and remember in it.
std::optional<Index> Weights::search(const Parameter& parameter) const {
  for (std::size_t k = 0; k < states_.size(); ++k) {
    if (states_[k] != parameter.state_) continue;
    if (states_[k]->value.size() != places_[k].size) refuse(*states_[k], places_[k].begin);
    return places_[k].begin;
  }
  return std::nullopt;
}

void Weights::refuse(const Parameter::State& state, Index begin) const {
  throw ShapeError(fmt::format(
      "Weights: parameter \"{}\" of shape {} given; as many numbers are required as it had when "
      "the Weights were made",
      name_at(begin), to_string(state.value.shape())));
}

const std::string& Weights::name_at(Index number) const {
  const auto after = std::find_if(places_.begin(), places_.end(), [number](const Place& place) {
    return number < place.begin + place.size;
  });
  require<GraphError>(after != places_.end(), "Weights: number {} of {} asked for", number, count_);
  return after->name;
}

// Lays the parameters side by side, as views of one tensor, unless they are: then a step is one
// loop over memory that lies as the gradient does, and the threads that read the parameters in the
// next step find them in one piece. Nobody else may share that tensor, for it will be written to.
void Weights::lay_together() {
  bool together = numbers_.owners() == 1 + std::ssize(states_);
  const std::uint64_t now = parameter_changes();
  if (together && laid_ == now) return;
  for (std::size_t k = 0; k < states_.size(); ++k) {
    const Tensor& value = states_[k]->value;
    if (value.size() != places_[k].size) refuse(*states_[k], places_[k].begin);
    together = together && value.data() == numbers_.data() + places_[k].begin;
  }
  if (together) {
    laid_ = now;
    return;
  }
  Tensor numbers(Shape{count_});
  first_ = numbers.mutable_data();
  for (std::size_t k = 0; k < states_.size(); ++k)
    std::copy_n(states_[k]->value.data(), places_[k].size, first_ + places_[k].begin);
  numbers_ = std::move(numbers);
  for (std::size_t k = 0; k < states_.size(); ++k) {
    const auto& [name, begin, size, shape] = places_[k];
    states_[k]->value = numbers_.rows(begin, begin + size).reshaped(states_[k]->value.shape());
  }
  ++changes;
}

const Tensor& Weights::numbers() {
  lay_together();
  return numbers_;
}

real* Weights::mutable_numbers() {
  lay_together();
  return first_;  // without a copy, although others share the storage: they are the parameters
}

}  // namespace gradflow
