#include "flows/chain.h"

#include <fmt/format.h>

namespace gradflow {

Chain::Chain(std::vector<AnyBijection> layers) : layers_(std::move(layers)) {
  require(!layers_.empty(), "Chain: no layers given; at least 1");
  for (const AnyBijection& layer : layers_) {
    require(layer->dim() == dim(), "Chain: {} of {} coordinates and {} of {} given; all of one",
            layers_[0]->name(), dim(), layer->name(), layer->dim());
    const Index wanted = layer->context();
    require(wanted == 0 || context_ == 0 || wanted == context_,
            "Chain: layers with contexts of {} and of {} numbers given; all that have one, of one",
            context_, wanted);
    context_ = std::max(context_, wanted);
  }
}

// The chain rule: the determinant of a product is the product of determinants.
Mapped Chain::map_to_latent(const Var& x, const Var& context, LogDet log_det) const {
  Mapped all{x};
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    Mapped next = part_to_latent(**layer, all.points, context, log_det);
    all = {std::move(next.points), added(all.log_det, next.log_det)};
  }
  return all;
}

Mapped Chain::map_to_data(const Var& z, const Var& context, LogDet log_det) const {
  Mapped all{z};
  for (const AnyBijection& layer : layers_) {
    Mapped next = part_to_data(*layer, all.points, context, log_det);
    all = {std::move(next.points), added(all.log_det, next.log_det)};
  }
  return all;
}

// Each layer by what those before it, from the data side, have made of the data.
void Chain::begin_with(const Tensor& x, const Tensor& context) {
  Tensor points = x;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    (*layer)->initialise(points, (*layer)->context() == 0 ? Tensor() : context);
    points = part_to_latent(**layer, points, context, LogDet::no).points.value();
  }
}

std::vector<Tensor> Chain::states_to_latent(const Tensor& x, const Tensor& context) const {
  check_points("Chain::states_to_latent", x, dim());
  check_context("Chain::states_to_latent", context, x.rows(), context_);
  const Unrecorded unrecorded;
  std::vector<Tensor> states{x};
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
    states.push_back(part_to_latent(**layer, states.back(), context, LogDet::no).points.value());
  return states;
}

std::vector<Tensor> Chain::states_to_data(const Tensor& z, const Tensor& context) const {
  check_points("Chain::states_to_data", z, dim());
  check_context("Chain::states_to_data", context, z.rows(), context_);
  const Unrecorded unrecorded;
  std::vector<Tensor> states{z};
  for (const AnyBijection& layer : layers_)
    states.push_back(part_to_data(*layer, states.back(), context, LogDet::no).points.value());
  return states;
}

Bijection::Passes Chain::passes() const {
  Passes all;
  for (const AnyBijection& layer : layers_) {
    const Passes own = layer->passes();
    all = {all.to_latent + own.to_latent, all.to_data + own.to_data};
  }
  return all;
}

void Chain::visit(const Visitor& visitor) {
  for (std::size_t i = 0; i < layers_.size(); ++i) visitor(fmt::format("{}", i), layers_[i]);
}

}  // namespace gradflow
