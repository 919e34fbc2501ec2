#include "autograd/transcript.h"

#include <algorithm>

#include "tensor/error.h"

namespace gradflow {
namespace {

thread_local Transcript* listening = nullptr;

}  // namespace

Transcript::Transcript() {
  require<GraphError>(!listening, "transcript: one is in scope already");
  listening = this;
}
Transcript::~Transcript() { listening = nullptr; }
Transcript* Transcript::current() { return listening; }

void Transcript::recorded(const char* op, const Tensor& value) {
  nodes_.push_back({.op = op, .value = value});
}

void Transcript::named(const std::string& parameter) { nodes_.back().parameter = parameter; }

void Transcript::reached(std::size_t node, const Tensor* gradient) {
  at_ = node;
  if (gradient) nodes_[node].gradient = *gradient;
}

void Transcript::handed_on(std::size_t node) {
  std::vector<Index>& inputs = nodes_[at_].inputs;
  const auto index = static_cast<Index>(node);
  const auto at = std::lower_bound(inputs.begin(), inputs.end(), index);
  if (at == inputs.end() || *at != index) inputs.insert(at, index);
}

}  // namespace gradflow
