#include "flows/ode/step.h"

namespace gradflow {
namespace {

// y + h k. In y's own storage, if nobody else has it and nothing is recorded.
Var moved(Var y, const Var& k, real h) {
  const Var before = y.tracked() ? y : Var(Tensor());  // only what is recorded is kept
  Tensor value = std::move(y).value();
  kernel::add_in_place(value, k.value(), h);
  return record("moved", std::move(value), wrt(before, [](const Var& dy) { return dy; }),
                wrt(k, [h](const Var& dy) { return h * dy; }));
}

}  // namespace

Var Asked::operator()(const Var& y, double t) {
  ++evaluations_;
  Var k = field_(y, Tensor({y.rows(), 1}, static_cast<real>(t)));
  require(k.shape() == y.shape(),
          "integrate: a field that gives {} for y {} given; the same shape is required", k.shape(),
          y.shape());
  return k;
}

Var led(Var y, const std::vector<Var>& k, const std::vector<double>& weights, double h) {
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (weights[i] != 0) y = moved(std::move(y), k[i], static_cast<real>(h * weights[i]));
  return y;
}

Stepped stepped(Asked& field, Var y, const Tableau& tableau, double h,
                const std::vector<double>& times, const std::optional<Var>& first) {
  const std::size_t stages = tableau.nodes.size();
  const bool ends_there = first_same_as_last(tableau);  // the last stage looks at the step's end
  std::vector<Var> k;
  for (std::size_t i = 0; i < stages; ++i) {
    if (ends_there && i + 1 == stages) {
      y = led(std::move(y), k, tableau.rows[i], h);
      k.push_back(field(y, times[i]));
      return {std::move(y), std::move(k)};
    }
    k.push_back(i == 0 && first ? *first : field(led(y, k, tableau.rows[i], h), times[i]));
  }
  return {led(std::move(y), k, tableau.weights, h), std::move(k)};
}

}  // namespace gradflow
