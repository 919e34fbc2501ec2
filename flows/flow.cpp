#include "flows/flow.h"

namespace gradflow {

Flow::Flow(AnyBijection given) : Flow(given, StandardNormal(given->dim())) {}

Flow::Flow(AnyBijection given, AnyBase from) : bijection(std::move(given)), base(std::move(from)) {
  require(bijection->dim() == base->dim(),
          "Flow: a bijection of {} coordinates and a base of {} given; the same of both",
          bijection->dim(), base->dim());
  const Index a = bijection->context(), b = base->context();
  require(
      a == 0 || b == 0 || a == b,
      "Flow: a bijection with a context of {} numbers and a base with {} given; the same of both",
      a, b);
}

Index Flow::context() const { return std::max(bijection->context(), base->context()); }

namespace {
// The context as a part of the flow wants it.
const Var& for_part(Index wanted, const Var& context) { return wanted == 0 ? no_context : context; }
}  // namespace

Flow::LogProb Flow::log_prob_parts(const Var& x, const Var& given) const {
  check_points("Flow::log_prob", x, dim());
  check_context("Flow::log_prob", given, x.rows(), context());
  const Mapped latent = bijection->to_latent(x, for_part(bijection->context(), given));
  return {base->log_prob(latent.points, for_part(base->context(), given)), latent.log_det};
}

Var Flow::log_prob(const Var& x, const Var& given) const {
  return log_prob_parts(x, given).total();
}

Tensor Flow::sample(Index n, Rng& rng, const Var& given) const {
  check_samples("Flow::sample", n);
  check_context("Flow::sample", given, n, context());
  const Unrecorded unrecorded;
  const Var z = base->sample(n, rng, for_part(base->context(), given));
  return bijection->to_data(z, for_part(bijection->context(), given), LogDet::no).points.value();
}

// log p(x) = log p_base(z) - log |det dx/dz|
Flow::Sampled Flow::sample_with_log_prob(Index n, Rng& rng, const Var& given) const {
  check_samples("Flow::sample_with_log_prob", n);
  check_context("Flow::sample_with_log_prob", given, n, context());
  const Var& of_base = for_part(base->context(), given);
  const Var z = base->sample(n, rng, of_base);
  const Mapped data = bijection->to_data(z, for_part(bijection->context(), given));
  return {data.points, base->log_prob(z, of_base) - data.log_det};
}

void Flow::visit(const Visitor& visitor) {
  bijection->visit(visitor);
  visitor("base", *base);
}

}  // namespace gradflow
