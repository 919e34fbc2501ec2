#include "flows/coupling.h"

namespace gradflow {

Coupling::Coupling(Index dim, Univariate univariate, const ConditionerOptions& options, Rng& rng,
                   const CouplingOptions& more)
    : dim_(dim),
      kept_(more.kept.value_or(dim / 2)),
      context_(checked_context(options)),
      univariate_(std::move(univariate)) {
  require(dim >= 2, "Coupling: {} coordinates given; at least 2: one to keep and one to move", dim);
  require(1 <= kept_ && kept_ < dim, "Coupling: {} of {} coordinates to be kept given; 1 to {}",
          kept_, dim, dim - 1);
  const Index R = univariate_.size(), networks = more.one_network ? 1 : R;
  const auto sizes = layer_sizes(kept_ + context_, options.hidden, (dim - kept_) * R / networks);
  for (Index r = 0; r < networks; ++r) networks_.emplace_back(sizes, rng, options.activation);
  if (options.start_as_identity)
    for (Mlp& network : networks_) network.zero_last_layer();
  if (more.move_kept) of_kept_ = Elementwise(kept_, univariate_);
}

// x = (a, b):   z_a = a,   z_b = the univariate map of b, with raw numbers from networks of a.
// dz/dx is triangular, and on its diagonal are 1 and the slopes of the univariate map.
Mapped Coupling::map_to_latent(const Var& x, const Var& context, LogDet log_det) const {
  const auto [a, b] = split(x, 1, kept_);
  const Mapped moved = univariate_.to_latent(b, raw(a, context), log_det);
  if (!of_kept_) return {concat({a, moved.points}, 1), moved.log_det};
  const Mapped kept = part_to_latent(*of_kept_, a, no_context, log_det);
  return {concat({kept.points, moved.points}, 1), added(moved.log_det, kept.log_det)};
}

// z_a is a again (or leads back to it), so that the networks say the same.
Mapped Coupling::map_to_data(const Var& z, const Var& context, LogDet log_det) const {
  const auto [z_a, z_b] = split(z, 1, kept_);
  Mapped kept{z_a};
  if (of_kept_) kept = part_to_data(*of_kept_, kept.points, no_context, log_det);
  const Mapped moved = univariate_.to_data(z_b, raw(kept.points, context), log_det);
  return {concat({kept.points, moved.points}, 1), added(moved.log_det, kept.log_det)};
}

void Coupling::visit(const Visitor& visitor) {
  if (networks_.size() == 1 && univariate_.size() > 1)
    visitor("network", networks_[0]);
  else
    for (std::size_t r = 0; r < networks_.size(); ++r) visitor(univariate_.raws[r], networks_[r]);
  if (of_kept_) visitor("kept", *of_kept_);
}

}  // namespace gradflow
