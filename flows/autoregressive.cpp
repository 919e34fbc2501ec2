#include "flows/autoregressive.h"

namespace gradflow {

MaskedAutoregressive::MaskedAutoregressive(Index dim, Univariate univariate,
                                           const ConditionerOptions& options, Rng& rng)
    : dim_(dim),
      context_(checked_context(options)),
      univariate_(std::move(univariate)),
      network_(dim, univariate_.size(), options, rng) {}

// z_i = the univariate map of x_i, with raw numbers from a network of x_1 ... x_{i-1}
Mapped MaskedAutoregressive::map_to_latent(const Var& x, const Var& context, LogDet log_det) const {
  return univariate_.to_latent(x, network_(with_context(x, context, context_)), log_det);
}

// x_1 first, as it needs no other; then x_2, which needs x_1; ... What has not been found yet is
// not seen, so that it may be 0. What is said of x_1 is the same for all points, if no context
// tells them apart: one row says it.
Mapped MaskedAutoregressive::map_to_data(const Var& z, const Var& context, LogDet log_det) const {
  const Index R = univariate_.size();
  std::vector<Var> found;
  Var total = Tensor();
  for (Index i = 0; i < dim_; ++i) {
    const Index rows = i == 0 && context_ == 0 ? 1 : z.rows();
    std::vector<Var> columns = found;
    columns.push_back(zeros({rows, dim_ - i}));
    const Var raw = network_(with_context(concat(columns, 1), context, context_));
    const Mapped x_i = univariate_.to_data(
        slice(z, 1, i, i + 1), broadcast_to(slice(raw, 1, i * R, (i + 1) * R), {z.rows(), R}),
        log_det);
    found.push_back(x_i.points);
    total = added(total, x_i.log_det);
  }
  return {concat(found, 1), total};
}

}  // namespace gradflow
