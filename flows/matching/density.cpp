#include "flows/matching/density.h"

#include <algorithm>
#include <cmath>

#include "flows/matching/chunks.h"

namespace gradflow {
namespace {

// Half the size of the steps, or a tenth of the tolerance.
Steps finer(const Steps& steps) {
  if (const Fixed* fixed = steps.fixed()) return 2 * fixed->steps;
  Adaptive adaptive = *steps.adaptive();
  adaptive.relative /= 10;
  adaptive.absolute /= 10;
  return adaptive;
}

// --- Euler's steps ---

struct Linearised {  // a field at a time, and its Jacobian: (B, D), and (B, D) for each row of it
  Tensor v;
  std::vector<Tensor> J;
};

Linearised linearised(const Field& field, const Tensor& y, double t) {
  Tape tape;
  const Var at = tape.variable(y);
  const Var v = field(at, Tensor({y.rows(), 1}, static_cast<real>(t)));
  Linearised all{v.value(), {}};
  const Index B = y.rows(), D = y.shape()[1];
  for (Index i = 0; i < D; ++i)
    all.J.push_back(v.tracked() ? tape.backward(v, kernel::pad(ones({B, 1}), 1, i, D))[at].value()
                                : zeros(y.shape()));
  return all;
}

// I + h J at point b, as (a, b; c, d); on a line d = 1.
struct Matrix {
  double a = 1, b = 0, c = 0, d = 1;
  double det() const { return a * d - b * c; }
};
Matrix step_matrix(const Linearised& field, Index point, double h) {
  const Index D = field.v.shape()[1];
  const auto entry = [&](Index i, Index j) {
    return h * double{field.J[static_cast<std::size_t>(i)].data()[point * D + j]};
  };
  Matrix m{.a = 1 + entry(0, 0)};
  if (D == 2) m = {m.a, entry(0, 1), entry(1, 0), 1 + entry(1, 1)};
  return m;
}

void check(const Tensor& points, Index steps) {
  require(points.rank() == 2 && (points.shape()[1] == 1 || points.shape()[1] == 2),
          "euler density: points {} given; (B, 1) or (B, 2) are required", points.shape());
  require(steps >= 1, "euler density: {} steps given; at least 1", steps);
}

// What becomes of a point that has no density of this form.
enum class Folded { throws, is_nan };

struct Paid {
  std::vector<double> log_prob;
  std::vector<bool> turned = std::vector<bool>(log_prob.size());  // by a determinant below 0
  bool none_turned() const { return std::find(turned.begin(), turned.end(), true) == turned.end(); }
};

// Takes log |det| of the step from y, at t, of size h, off log p.
void pay(Paid& paid, const Field& field, const Tensor& y, double t, double h, Folded folded) {
  const Linearised at = linearised(field, y, t);
  for (Index b = 0; b < y.rows(); ++b) {
    const double det = step_matrix(at, b, h).det();
    require<NonFiniteError>(folded == Folded::is_nan || (det != 0 && std::isfinite(det)),
                            "euler density: a determinant of {} at t = {} given; one that is not 0 "
                            "is required; hint: another number of steps",
                            det, t);
    paid.log_prob[static_cast<std::size_t>(b)] -= std::log(std::abs(det));
    if (!(det > 0)) paid.turned[static_cast<std::size_t>(b)] = true;
  }
}

std::vector<double> prior(const Tensor& noise) {
  const Tensor log_prob = standard_normal_log_prob(noise).value();
  return {log_prob.values().begin(), log_prob.values().end()};
}

Tensor to_tensor(const std::vector<double>& values) {
  Tensor result(Shape{std::ssize(values)});
  std::transform(values.begin(), values.end(), result.mutable_data(),
                 [](double value) { return static_cast<real>(value); });
  return result;
}

// y with y + h v(y, t) = x, by Newton's method; a step that makes things worse is halved.
Tensor undone(const Field& field, const Tensor& x, double t, double h, Folded folded) {
  const Index B = x.rows(), D = x.shape()[1];
  const auto missed = [&](const Tensor& y, const Tensor& v) {  // y + h v - x: (B, D)
    Tensor rest = (Var(y) - x).value();
    kernel::add_in_place(rest, v, static_cast<real>(h));
    return rest;
  };
  const auto size = [&](const Tensor& rest, Index b) {
    return D == 1 ? std::abs(double{rest.data()[b]})
                  : std::hypot(double{rest.data()[2 * b]}, double{rest.data()[2 * b + 1]});
  };
  const auto precision = [&](Index b) {
    return 16 * double{std::numeric_limits<real>::epsilon()} * (1 + size(x, b));
  };
  Tensor y = x, direction = zeros(x.shape());
  std::vector<double> before(static_cast<std::size_t>(B), HUGE_VAL);
  for (int round = 0; round < 100; ++round) {
    const Linearised at = linearised(field, y, t);
    const Tensor rest = missed(y, at.v);
    bool done = true;
    real *place = y.mutable_data(), *move = direction.mutable_data();
    for (Index b = 0; b < B; ++b) {
      const double error = size(rest, b);
      if (error <= precision(b) || std::isnan(error)) continue;
      done = false;
      double& last = before[static_cast<std::size_t>(b)];
      if (error >= last) {  // back by half of the last move
        for (Index i = b * D; i < (b + 1) * D; ++i) place[i] -= move[i] /= 2;
        continue;
      }
      last = error;
      const Matrix m = step_matrix(at, b, h);
      const double r_0 = rest.data()[b * D], r_1 = D == 2 ? double{rest.data()[b * D + 1]} : 0.;
      const double moves[2] = {-(m.d * r_0 - m.b * r_1) / m.det(),
                               -(m.a * r_1 - m.c * r_0) / m.det()};
      for (Index i = 0; i < D; ++i)
        place[b * D + i] += move[b * D + i] = static_cast<real>(moves[i]);
    }
    if (done) return y;
  }
  require<NonFiniteError>(folded == Folded::is_nan,
                          "euler density: no place at t = {} found that leads to a point; hint: "
                          "more steps",
                          t);
  const Tensor rest = missed(y, linearised(field, y, t).v);
  for (Index b = 0; b < B; ++b)
    if (!(size(rest, b) <= precision(b))) std::fill_n(y.mutable_data() + b * D, D, real(NAN));
  return y;
}

Tensor undone_log_prob(const Field& field, const Tensor& points, Index steps, Folded folded) {
  check(points, steps);
  const Unrecorded unrecorded;
  Tensor y = points;
  Paid paid{std::vector<double>(static_cast<std::size_t>(points.rows()))};
  const double h = 1 / static_cast<double>(steps);
  for (Index step = steps - 1; step >= 0; --step) {
    const double t = static_cast<double>(step) * h;
    y = undone(field, y, t, h, folded);
    pay(paid, field, y, t, h, folded);
    require<NonFiniteError>(folded == Folded::is_nan || paid.none_turned(),
                            "euler density: a step at t = {} that turns space inside out; hint: "
                            "more steps",
                            t);
  }
  std::vector<double> log_prob = prior(y);
  for (std::size_t b = 0; b < log_prob.size(); ++b)
    log_prob[b] = paid.turned[b] ? NAN : log_prob[b] + paid.log_prob[b];
  return to_tensor(log_prob);
}

}  // namespace

Tensor log_prob(const FlowMatching& model, const Tensor& points, const Labels& labels,
                const ContinuousOptions& solver) {
  check_points("log_prob", points, model.dim());
  const Unrecorded unrecorded;
  const Flow flow(Continuous(model.network, solver));
  const Index n = points.rows();
  const Tensor known = model.context(n, labels).value();
  return in_chunks(n, [&](Index begin, Index end) {
    const Var own = model.classes ? Var(known.rows(begin, end)) : no_context;
    return flow.log_prob(points.rows(begin, end), own).value();
  });
}

Scored log_prob_with_error(const FlowMatching& model, const Tensor& points, const Labels& labels,
                           const ContinuousOptions& solver) {
  ContinuousOptions better = solver;
  better.steps = finer(solver.steps);
  const Tensor coarse = log_prob(model, points, labels, solver);
  const Tensor fine = log_prob(model, points, labels, better);
  return {fine, abs(Var(fine) - coarse).value()};
}

EulerCarried euler_carried(const Field& field, const Tensor& noise, Index steps) {
  check(noise, steps);
  const Unrecorded unrecorded;
  Tensor y = noise;
  Paid paid{prior(noise)};
  const double h = 1 / static_cast<double>(steps);
  for (Index step = 0; step < steps; ++step) {
    const double t = static_cast<double>(step) * h;
    pay(paid, field, y, t, h, Folded::throws);
    y = integrate(field, y, {t, t + h}, euler, 1).value();
  }
  return {y, to_tensor(paid.log_prob), std::count(paid.turned.begin(), paid.turned.end(), true)};
}

Tensor euler_log_prob(const Field& field, const Tensor& points, Index steps) {
  return undone_log_prob(field, points, steps, Folded::throws);
}

// k_i = f(y + h (a_i0 k_0 + ...), t + c_i h)  ->  b_0 k_0 + b_1 k_1 + ...
Field mean_slope(const Field& field, const Tableau& tableau, double h) {
  return [&field, &tableau, h](const Var& y, const Var& t) {
    Asked asked(field);
    const double begin = double{t.value().data()[0]};  // one time for all points
    std::vector<Var> k;
    for (std::size_t i = 0; i < tableau.nodes.size(); ++i)  // never beyond 1, however it is rounded
      k.push_back(asked(led(y, k, tableau.rows[i], h), std::min(begin + tableau.nodes[i] * h, 1.)));
    return led(zeros(y.shape()), k, tableau.weights, 1);
  };
}

Tensor solver_log_prob(const Field& field, const Tensor& points, const Tableau& tableau,
                       Index steps) {
  check(points, steps);
  const Field slope = mean_slope(field, tableau, 1 / static_cast<double>(steps));
  return undone_log_prob(slope, points, steps, Folded::is_nan);
}

}  // namespace gradflow
