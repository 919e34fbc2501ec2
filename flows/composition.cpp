#include "flows/composition.h"

#include <fmt/format.h>

#include "autograd/ops.h"

namespace gradflow {
namespace {

enum class Direction { to_latent, to_data };

Mapped apply(const Bijection& layer, Direction direction, const Var& points) {
  return direction == Direction::to_latent ? layer.to_latent(points) : layer.to_data(points);
}

// Calls visit(layer) in the order of the direction.
template <class Layers, class F>
void for_each(const Layers& layers, Direction direction, F visit) {
  const std::size_t n = layers.size();
  for (std::size_t i = 0; i < n; ++i)
    visit(*layers[direction == Direction::to_data ? i : n - 1 - i]);
}

// The chain rule: the determinant of a product is the product of determinants.
template <class Layers>
Mapped compose(const Layers& layers, Direction direction, const Var& points) {
  Mapped result{points, zeros(Shape{points.rows()})};
  for_each(layers, direction, [&](const Bijection& layer) {
    const Mapped mapped = apply(layer, direction, result.points);
    result = {mapped.points, result.log_det + mapped.log_det};
  });
  return result;
}

template <class Layers>
std::vector<Tensor> states(const Layers& layers, Direction direction, const Tensor& points) {
  std::vector<Tensor> result{points};
  for_each(layers, direction, [&](const Bijection& layer) {
    result.push_back(apply(layer, direction, result.back()).points.value());
  });
  return result;
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
  return compose(layers_, Direction::to_latent, x);
}

Mapped Composition::to_data(const Var& z) const { return compose(layers_, Direction::to_data, z); }

std::vector<Tensor> Composition::states_to_latent(const Tensor& x) const {
  return states(layers_, Direction::to_latent, x);
}

std::vector<Tensor> Composition::states_to_data(const Tensor& z) const {
  return states(layers_, Direction::to_data, z);
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
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string prefix = fmt::format("{}.", i);
    NamedTensors part;
    for (const auto& [name, x] : constants)
      if (name.starts_with(prefix)) part[name.substr(prefix.size())] = x;
    layers_[i]->set_constants(part);
  }
}

}  // namespace gradflow
