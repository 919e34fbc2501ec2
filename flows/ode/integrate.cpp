#include "flows/ode/integrate.h"

#include <cmath>

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

// A span cut into steps: where the clock is.
class Clock {
 public:
  Clock(const Span& span, Index steps) : from_(span.from), to_(span.to), steps_(steps) {
    require(steps >= 1, "integrate: {} steps given; at least 1", steps);
    require(std::isfinite(to_ - from_), "integrate: a span from {} to {} given; finite ones", from_,
            to_);
  }
  double step() const { return (to_ - from_) / static_cast<double>(steps_); }
  // At a node, from 0 to 1, of a step, from 0: at the end of the last step it is the span's end,
  // however from + (to - from) is rounded.
  double at(Index step, double node) const {
    const double part = (static_cast<double>(step) + node) / static_cast<double>(steps_);
    return part < 1 ? from_ + part * (to_ - from_) : to_;
  }

 private:
  double from_, to_;
  Index steps_;
};

// y after a step, by the formula in tableau.h.
Var stepped(const Field& field, Var y, const Tableau& tableau, const Clock& clock, Index step) {
  const double h = clock.step();
  std::vector<Var> k;
  // y + h (weights[0] k[0] + weights[1] k[1] + ...)
  const auto led = [&](Var from, const std::vector<double>& weights) {
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (weights[i] != 0) from = moved(std::move(from), k[i], static_cast<real>(h * weights[i]));
    return from;
  };
  for (std::size_t i = 0; i < tableau.nodes.size(); ++i) {
    const Tensor t({y.rows(), 1}, static_cast<real>(clock.at(step, tableau.nodes[i])));
    k.push_back(field(led(y, tableau.rows[i]), t));
    require(k.back().shape() == y.shape(),
            "integrate: a field that gives {} for y {} given; the same shape is required",
            k.back().shape(), y.shape());
  }
  return led(std::move(y), tableau.weights);
}

template <class F>
Var run(const Field& field, Var y, const Span& span, const Tableau& tableau, const Fixed& fixed,
        const F& visit) {
  require(y.shape().rank() == 2, "integrate: y {} given; (B, D) is required", y.shape());
  const Clock clock(span, fixed.steps);
  for (Index step = 0; step < fixed.steps; ++step) {
    y = stepped(field, std::move(y), tableau, clock, step);
    visit(y);
  }
  return y;
}

}  // namespace

Index steps_of_size(double dt) {
  require(1e-9 <= dt && dt <= 1, "steps_of_size: dt {} given; from 1e-9 to 1", dt);
  return static_cast<Index>(std::llround(1 / dt));
}

Var integrate(const Field& field, const Var& y, const Span& span, const Tableau& tableau,
              const Fixed& fixed) {
  return run(field, y, span, tableau, fixed, [](const Var&) {});
}

std::vector<Var> trajectory(const Field& field, const Var& y, const Span& span,
                            const Tableau& tableau, const Fixed& fixed) {
  std::vector<Var> states{y};
  run(field, y, span, tableau, fixed, [&](const Var& state) { states.push_back(state); });
  return states;
}

}  // namespace gradflow
