#include "flows/matching/reflow.h"

namespace gradflow {
namespace {

// The mean over the rows of |x|^2.
double mean_square_length(const Var& x) { return double{sum(square(x)).item()} / double(x.rows()); }

void check(const char* called, const Tensor& noise) {
  require(noise.rank() == 2 && noise.rows() >= 1,
          "{}: noise {} given; (B, D), at least 1 point, is required", called, noise.shape());
}

Data paired(const FlowMatching& model, const Tensor& noise, const Labels& labels,
            const Tableau& tableau, const Steps& steps) {
  const Tensor ends = model.carry(noise, {0, 1}, labels, tableau, steps);
  return {concat({noise, ends}, 1).value(), labels};
}

}  // namespace

Data reflow_pairs(const FlowMatching& model, Index n, Rng& rng, const Tableau& tableau,
                  const Steps& steps) {
  require(n >= 0, "reflow_pairs: {} pairs given; 0 or more", n);
  return paired(model, rng.normal({n, model.dim()}), {}, tableau, steps);
}

Data reflow_pairs(const FlowMatching& model, const Labels& labels, Rng& rng, const Tableau& tableau,
                  const Steps& steps) {
  return paired(model, rng.normal({std::ssize(labels), model.dim()}), labels, tableau, steps);
}

double straightness(const Field& field, const Tensor& noise, Index steps) {
  check("straightness", noise);
  const Unrecorded unrecorded;
  const std::vector<Var> states = trajectory(field, noise, {0, 1}, runge_kutta4, steps);
  const Var line = states.back() - states.front();
  double total = 0;
  for (Index step = 0; step <= steps; ++step) {
    const double t = static_cast<double>(step) / static_cast<double>(steps);
    const Var v = field(states[static_cast<std::size_t>(step)],
                        Tensor({noise.rows(), 1}, static_cast<real>(t)));
    const double weight = step == 0 || step == steps ? 0.5 : 1;
    total += weight * mean_square_length(line - v);
  }
  return total / static_cast<double>(steps);
}

double path_energy(const Field& field, const Tensor& noise, Index steps) {
  check("path_energy", noise);
  const Unrecorded unrecorded;
  const std::vector<Var> states = trajectory(field, noise, {0, 1}, euler, steps);
  double total = 0;  // each step is v / steps long
  for (std::size_t i = 1; i < states.size(); ++i)
    total += mean_square_length(states[i] - states[i - 1]);
  return total * static_cast<double>(steps);
}

}  // namespace gradflow
