#include "flows/coupling.h"

#include "flows/coupling_fused.h"

namespace gradflow {

Coupling::Coupling(Index dim, Univariate univariate, const ConditionerOptions& options, Rng& rng,
                   const CouplingOptions& more)
    : dim_(dim),
      kept_(more.kept.value_or(dim / 2)),
      context_(checked_context(options)),
      univariate_(std::make_shared<const Univariate>(std::move(univariate))) {
  require(dim >= 2, "Coupling: {} coordinates given; at least 2: one to keep and one to move", dim);
  require(1 <= kept_ && kept_ < dim, "Coupling: {} of {} coordinates to be kept given; 1 to {}",
          kept_, dim, dim - 1);
  const Index R = univariate_->size(), networks = more.one_network ? 1 : R;
  const Index in = kept_ + context_, out = (dim - kept_) * R / networks;
  for (Index r = 0; r < networks; ++r) networks_.push_back(conditioner(in, options, out, rng));
  if (more.move_kept) free_ = zeros({1, kept_ * R});
}

// x = (a, b):   z_a = a,   z_b = the univariate map of b, with raw numbers from networks of a.
// dz/dx is triangular, and on its diagonal are 1 and the slopes of the univariate map.
Mapped Coupling::composed_to_latent(const Var& x, const Var& context, LogDet log_det) const {
  const Var of_b = raw(slice(x, 1, 0, kept_), context);
  if (!free_) return univariate_->to_latent(x, of_b, log_det);
  return univariate_->to_latent(x, concat({raw_of_kept(x.rows()), of_b}, 1), log_det);
}

// z_a is a again (or leads back to it), so that the networks say the same.
Mapped Coupling::composed_to_data(const Var& z, const Var& context, LogDet log_det) const {
  const Var z_a = slice(z, 1, 0, kept_);
  if (!free_) return univariate_->to_data(z, raw(z_a, context), log_det);
  const Var of_a = raw_of_kept(z.rows());
  const Var a = univariate_->to_data(z_a, of_a, LogDet::no).points;
  return univariate_->to_data(z, concat({of_a, raw(a, context)}, 1), log_det);
}

// As one operation if it can be, else as composed of others.
Mapped Coupling::map_to_latent(const Var& x, const Var& context, LogDet log_det) const {
  const Bijection* const alone = this;
  const auto fused = fused_run({&alone, 1}, Way::to_latent, x, context, log_det);
  return fused ? fused->mapped : composed_to_latent(x, context, log_det);
}

Mapped Coupling::map_to_data(const Var& z, const Var& context, LogDet log_det) const {
  const Bijection* const alone = this;
  const auto fused = fused_run({&alone, 1}, Way::to_data, z, context, log_det);
  return fused ? fused->mapped : composed_to_data(z, context, log_det);
}

void Coupling::visit(const Visitor& visitor) {
  if (networks_.size() == 1 && univariate_->size() > 1)
    visitor("network", networks_[0]);
  else
    for (std::size_t r = 0; r < networks_.size(); ++r) visitor(univariate_->raws[r], networks_[r]);
  if (free_) visitor("kept", *free_);
}

}  // namespace gradflow
