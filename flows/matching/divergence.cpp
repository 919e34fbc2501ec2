#include "flows/matching/divergence.h"

#include "flows/matching/tangents.h"

namespace gradflow {
namespace {

// Column i is 1, the others 0: (B, D).
Tensor one_hot(Index B, Index i, Index D) { return kernel::pad(ones({B, 1}), 1, i, D); }

void check(const Var& y, const Var& t) {
  require(y.shape().rank() == 2, "divergence: y {} given; (B, D) is required", y.shape());
  const bool y_tracked = Recorder::tracks("divergence", y),
             t_tracked = Recorder::tracks("divergence", t);  // both: either may throw
  require<GraphError>(!y_tracked && !t_tracked,
                      "divergence: y or t on a tape given; it is a number; hint: "
                      "with_divergence() of a network has a gradient");
}

}  // namespace

// A point's velocity depends on no other point. So the gradient of f_i, summed over the batch, has
// each point's df_i/dy in its row.
Tensor divergence(const Field& field, const Var& y, const Var& t) {
  check(y, t);
  const Index B = y.rows(), D = y.shape()[1];
  Tape tape;
  const Var at = tape.variable(y.value());
  const Var f = field(at, t);
  Tensor total = zeros({B, 1});
  for (Index i = 0; i < D && f.tracked(); ++i) {
    const Tensor row = tape.backward(f, one_hot(B, i, D))[at].value();
    kernel::add_in_place(total, kernel::slice(row, 1, i, i + 1));
  }
  return total.reshaped(Shape{B});
}

Tensor divergence_along(const Field& field, const Var& y, const Var& t, const Tensor& probe) {
  check(y, t);
  Tape tape;
  const Var at = tape.variable(y.value());
  const Var f = field(at, t);
  if (!f.tracked()) return zeros(Shape{y.rows()});
  return sum(tape.backward(f, probe)[at].value() * Var(probe), 1).value();
}

Flowing with_divergence(const VelocityNetwork& network, const Var& y, const Var& t,
                        const Var& context, const std::optional<Tensor>& probe) {
  const Index B = y.rows(), D = network.dim;
  const Var input = network.input(y, t, context);
  std::vector<Var> directions;
  if (probe)
    directions.push_back(*probe);
  else
    for (Index i = 0; i < D; ++i) directions.push_back(one_hot(B, i, D));
  const auto [velocity, tangents] =
      pushed_forward(network.network, input, network.input_tangents(y, directions));
  if (probe) return {velocity, sum(*probe * tangents[0], 1, KeepAxis::yes)};
  Var total = slice(tangents[0], 1, 0, 1);
  for (Index i = 1; i < D; ++i)
    total = total + slice(tangents[static_cast<std::size_t>(i)], 1, i, i + 1);
  return {velocity, total};
}

}  // namespace gradflow
