#include "flows/continuous.h"

#include "flows/matching/divergence.h"

namespace gradflow {

Continuous::Continuous(VelocityNetwork network, ContinuousOptions options)
    : network_(std::move(network)), options_(std::move(options)) {
  require(!options_.probe || options_.probe->shape() == Shape{dim()},
          "Continuous: a probe {} given; ({}) is required",
          options_.probe ? options_.probe->shape() : Shape(), dim());
}

Bijection::Passes Continuous::passes() const {
  const Fixed* fixed = options_.steps.fixed();
  const Tableau& tableau = options_.tableau;
  const Index stages = std::ssize(tableau.nodes), known = first_same_as_last(tableau);
  const Index all = fixed ? fixed->steps * (stages - known) + known : 0;
  return {all, all};
}

// (y, a) with dy/dt = v and da/dt = div v:   log |det| = a at the end, if a is 0 at the beginning
Mapped Continuous::carried(const Var& y, const Var& context, LogDet log_det,
                           const Span& span) const {
  const auto& [tableau, steps, e] = options_;
  if (log_det == LogDet::no) return {integrate(network_.field(context), y, span, tableau, steps)};
  const Index B = y.rows(), D = dim();
  std::optional<Tensor> probe;
  if (e) probe = kernel::broadcast_to(*e, y.shape());
  const Field both = [&](const Var& state, const Var& t) {
    const Flowing at = with_divergence(network_, slice(state, 1, 0, D), t, context, probe);
    return concat({at.velocity, at.divergence}, 1);
  };
  const Var end = integrate(both, concat({y, zeros({B, 1})}, 1), span, tableau, steps);
  return {slice(end, 1, 0, D), reshape(slice(end, 1, D, D + 1), Shape{B})};
}

}  // namespace gradflow
