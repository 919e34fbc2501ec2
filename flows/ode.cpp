#include "flows/ode.h"

#include <cmath>

namespace gradflow {
namespace {

// y + h k
Tensor moved(Tensor y, const Tensor& k, real h) {
  kernel::add_in_place(y, k, h);
  return y;
}

template <class F>
Tensor run(const Velocity& v, Tensor y, const TimeSpan& span, Solver solver, F visit) {
  require(span.steps >= 1, "integrate: {} steps given; at least 1", span.steps);
  const real dt = static_cast<real>(span.dt());
  for (Index step = 0; step < span.steps; ++step) {
    y = solver(v, y, static_cast<real>(span.time(step)), dt);
    visit(y);
  }
  return y;
}

}  // namespace

// y(t + dt) = y + dt v(y, t)
Tensor euler(const Velocity& v, const Tensor& y, real t, real dt) { return moved(y, v(y, t), dt); }

// y(t + dt) = y + dt v(y, t + dt)
Tensor euler_right_end(const Velocity& v, const Tensor& y, real t, real dt) {
  return moved(y, v(y, t + dt), dt);
}

// y(t + dt) = y + dt v(y + (dt / 2) v(y, t), t + dt / 2)
Tensor midpoint(const Velocity& v, const Tensor& y, real t, real dt) {
  const Tensor half = moved(y, v(y, t), dt / 2);
  return moved(y, v(half, t + dt / 2), dt);
}

// The classical method: y(t + dt) = y + dt (k1 + 2 k2 + 2 k3 + k4) / 6
Tensor runge_kutta4(const Velocity& v, const Tensor& y, real t, real dt) {
  const Tensor k1 = v(y, t);
  const Tensor k2 = v(moved(y, k1, dt / 2), t + dt / 2);
  const Tensor k3 = v(moved(y, k2, dt / 2), t + dt / 2);
  const Tensor k4 = v(moved(y, k3, dt), t + dt);
  return moved(moved(moved(moved(y, k1, dt / 6), k2, dt / 3), k3, dt / 3), k4, dt / 6);
}

Index steps_of_size(double dt) {
  require(dt > 0 && dt <= 1, "steps_of_size: dt {} given; more than 0, at most 1", dt);
  return static_cast<Index>(std::llround(1 / dt));
}

Tensor integrate(const Velocity& v, const Tensor& y, const TimeSpan& span, Solver solver) {
  return run(v, y, span, solver, [](const Tensor&) {});
}

std::vector<Tensor> trajectory(const Velocity& v, const Tensor& y, const TimeSpan& span,
                               Solver solver) {
  std::vector<Tensor> states{y};
  run(v, y, span, solver, [&](const Tensor& state) { states.push_back(state); });
  return states;
}

}  // namespace gradflow
