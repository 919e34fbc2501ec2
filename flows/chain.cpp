#include "flows/chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "flows/coupling_fused.h"

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

// The chain rule: the determinant of a product is the product of determinants. (Couplings, one
// after another, are one operation if they can be.)
Mapped Chain::mapped(Way way, const Var& points, const Var& context, LogDet log_det) const {
  std::vector<const Bijection*> layers;
  for (const AnyBijection& layer : layers_) layers.push_back(&*layer);
  if (way == Way::to_latent) std::reverse(layers.begin(), layers.end());
  Mapped all{points};
  for (std::span rest = std::as_const(layers); !rest.empty();) {
    const auto run = fused_run(rest, way, all.points, context, log_det);
    const Mapped next = run ? run->mapped
                        : way == Way::to_latent
                            ? part_to_latent(*rest[0], all.points, context, log_det)
                            : part_to_data(*rest[0], all.points, context, log_det);
    all = {next.points, added(all.log_det, next.log_det)};
    rest = rest.subspan(run ? run->layers : 1);
  }
  return all;
}

Mapped Chain::map_to_latent(const Var& x, const Var& context, LogDet log_det) const {
  return mapped(Way::to_latent, x, context, log_det);
}

Mapped Chain::map_to_data(const Var& z, const Var& context, LogDet log_det) const {
  return mapped(Way::to_data, z, context, log_det);
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
