#include "flows/composition.h"

#include <fmt/format.h>

#include "autograd/ops.h"

namespace gradflow {
namespace {

Mapped unmoved(const Var& points) { return {points, zeros(Shape{points.rows()})}; }

// The chain rule: the determinant of a product is the product of determinants.
Mapped after(const Mapped& first, const Bijection& layer, const Mapped& second) {
  return {second.points, layer.keeps_volume() ? first.log_det : first.log_det + second.log_det};
}

}  // namespace

Composition::Composition(const Composition& other) : Bijection(other) {
  for (const auto& layer : other.layers_) layers_.push_back(layer->clone());
}

Composition& Composition::operator=(Composition other) noexcept {
  layers_.swap(other.layers_);
  return *this;
}

Mapped Composition::to_latent(const Var& x) const {
  Mapped result = unmoved(x);
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
    result = after(result, **layer, (*layer)->to_latent(result.points));
  return result;
}

Mapped Composition::to_data(const Var& z) const {
  Mapped result = unmoved(z);
  for (const auto& layer : layers_) result = after(result, *layer, layer->to_data(result.points));
  return result;
}

std::vector<Tensor> Composition::states_to_latent(const Tensor& x) const {
  std::vector<Tensor> states{x};
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
    states.push_back((*layer)->to_latent(states.back()).points.value());
  return states;
}

std::vector<Tensor> Composition::states_to_data(const Tensor& z) const {
  std::vector<Tensor> states{z};
  for (const auto& layer : layers_) states.push_back(layer->to_data(states.back()).points.value());
  return states;
}

Parameters Composition::parameters() {
  Parameters list;
  for (std::size_t i = 0; i < layers_.size(); ++i)
    append(list, fmt::format("{}.", i), layers_[i]->parameters());
  return list;
}

NamedTensors Composition::constants() const {
  NamedTensors all;
  for (std::size_t i = 0; i < layers_.size(); ++i)
    for (const auto& [name, x] : layers_[i]->constants()) all[fmt::format("{}.{}", i, name)] = x;
  return all;
}

void Composition::set_constants(const NamedTensors& constants) {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    layers_[i]->set_constants(with_prefix(constants, fmt::format("{}.", i)));
}

}  // namespace gradflow
