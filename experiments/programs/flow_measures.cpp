#include "experiments/programs/flow_measures.h"

#include <cmath>

#include "autograd/ops.h"
#include "experiments/data/rings.h"
#include "flows/base/class_conditional.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

using nlohmann::json;

Var context_of(const Flow& flow, const Data& data) {
  return class_context(data.labels, flow.context());
}

Var flow_loss(const Flow& flow, const Data& batch, Rng&) {
  return -mean(flow.log_prob(batch.points, context_of(flow, batch)));
}

Metrics validate_flow(const Flow& flow, const Data& data) {
  constexpr Index kChunk = 1000;
  const Index n = data.size(), chunks = (n + kChunk - 1) / kChunk;
  const Var context = context_of(flow, data);
  struct Sums {
    double prior, log_det;
  };
  std::vector<Sums> sums(static_cast<std::size_t>(chunks));
  parallel_for(chunks, [&](Index i) {
    const Index begin = i * kChunk, end = std::min(n, begin + kChunk);
    const auto parts = flow.log_prob_parts(
        data.points.rows(begin, end),
        flow.context() == 0 ? no_context : Var(context.value().rows(begin, end)));
    sums[static_cast<std::size_t>(i)] = {sum(parts.prior).item(), sum(parts.log_det).item()};
  });
  Sums total{0, 0};
  for (const Sums& s : sums) total = {total.prior + s.prior, total.log_det + s.log_det};
  const double prior = total.prior / static_cast<double>(n);
  const double log_det = total.log_det / static_cast<double>(n);
  return {{"validation_nll", -prior - log_det}, {"log_prior", prior}, {"log_det", log_det}};
}

namespace {

// What becomes of the report's five points, and the exact density there: that of all places on the
// rings, or none (null: no JSON number is the logarithm of 0).
json measure_points(const Trained<Flow>& trained) {
  const Flow& flow = trained.model;
  const Tensor y = five_points(), raw = trained.in_data_units(y);
  const Tensor z = flow.bijection->to_latent(y).points.value();
  const Tensor back = flow.bijection->to_data(z).points.value();
  const auto parts = flow.log_prob_parts(y);
  const Tensor log_prob = parts.total().value();
  json points = json::array();
  for (Index i = 0; i < y.rows(); ++i) {
    const bool on_ring = rings_density(raw.at({i, 0}), raw.at({i, 1})) > 0;
    points.push_back({{"y", {y.at({i, 0}), y.at({i, 1})}},
                      {"z", {z.at({i, 0}), z.at({i, 1})}},
                      {"log_prob", log_prob.at({i})},
                      {"exact_log_prob", on_ring ? json(-kNllFloor) : json()},
                      {"log_prior", parts.prior.value().at({i})},
                      {"round_trip_error", std::hypot(back.at({i, 0}) - y.at({i, 0}),
                                                      back.at({i, 1}) - y.at({i, 1}))}});
  }
  return points;
}

}  // namespace

json validation_losses(const History& history) {
  json losses;
  for (const char* name : {"validation_nll", "log_det", "log_prior"})
    losses[name] = metric(history, name);
  return losses;
}

json measure_flow(const char* name, const Trained<Flow>& trained, const RunOptions& options) {
  constexpr Index kMeasuredSamples = 10'000;
  Rng rng = Rng(options.training.seed).fork(100);
  const Tensor samples = trained.in_data_units(trained.model.sample(kMeasuredSamples, rng));
  json measured = validation_losses(trained.history);
  const double on_ring = share_on_rings(samples);
  say("{}: validation NLL {:.4f} (floor {:.4f}), {:.1f} % of {} samples on a ring\n", name,
      measured["validation_nll"].back().get<double>(), kNllFloor, 100 * on_ring, kMeasuredSamples);
  measured["on_ring"] = on_ring;
  measured["within_0.05"] = share_on_rings(samples, 0.05);
  measured["points"] = measure_points(trained);
  return measured;
}

}  // namespace gradflow
