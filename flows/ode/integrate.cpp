#include "flows/ode/integrate.h"

#include <algorithm>
#include <cmath>

#include "flows/ode/adaptive.h"

namespace gradflow {
namespace {

// A span cut into steps: where the clock is.
class Clock {
 public:
  Clock(const Span& span, Index steps) : from_(span.from), to_(span.to), steps_(steps) {
    require(steps >= 1, "integrate: {} steps given; at least 1", steps);
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

struct Taken {  // a step that counts
  const Stepped& step;
  double from, to;
};

// What the first stage of the next step sees, if the last one of this step looked there already.
std::optional<Var> known(const Tableau& tableau, const Stepped& step) {
  return first_same_as_last(tableau) ? std::optional(step.k.back()) : std::nullopt;
}

// A walk from time to time, with steps of either kind. It is told of every step: visit(Taken).
class Walk {
 public:
  Walk(const Field& field, const Var& y, const Tableau& tableau)
      : field_(field), tableau_(tableau) {
    require(y.shape().rank() == 2, "integrate: y {} given; (B, D) is required", y.shape());
    const std::size_t stages = tableau.nodes.size();
    require(stages >= 1 && tableau.rows.size() == stages && tableau.weights.size() == stages,
            "integrate: a tableau of {} nodes, {} rows and {} weights given; as many of each, at "
            "least 1",
            stages, tableau.rows.size(), tableau.weights.size());
  }

  template <class F>
  Var fixed(Var y, const Span& span, Index steps, const F& visit) {
    const Clock clock(span, steps);
    std::vector<double> times(tableau_.nodes.size());
    for (Index step = 0; step < steps; ++step) {
      for (std::size_t i = 0; i < times.size(); ++i) times[i] = clock.at(step, tableau_.nodes[i]);
      Stepped next = stepped(field_, std::move(y), tableau_, clock.step(), times, first_);
      ++effort_.accepted;
      visit(Taken{next, clock.at(step, 0), clock.at(step, 1)});
      first_ = known(tableau_, next);
      y = std::move(next.y);
    }
    return y;
  }

  // The sizes of steps for a whole walk of this length, in time, from here on.
  void adapt(const Var& y, double from, double to, const Adaptive& options) {
    require(!tableau_.error_weights.empty(),
            "integrate: adaptive steps of {} given; a method that estimates its error; hint: "
            "dormand_prince",
            tableau_.name);
    for (const double tolerance : {options.relative, options.absolute})
      require(tolerance > 0 && std::isfinite(tolerance),
              "integrate: a tolerance of {} given; more than 0", tolerance);
    shortest_ = 1e-6 * std::abs(to - from);
    direction_ = to < from ? -1 : 1;
    first_ = field_(y, from);
    require<NonFiniteError>(all_finite(first_->value()),
                            "integrate: the field is not finite at t = {}", from);
    size_ = first_step(field_, y, *first_, {from, to}, tableau_.order, options);
  }

  template <class F>
  Var adaptive(Var y, const Span& span, const Adaptive& options, const F& visit) {
    for (double t = span.from; t != span.to;) {
      const Try next = tried(y, t, span.to, options);
      if (next.good) {
        ++effort_.accepted;
        visit(Taken{next.step, t, next.to});
        first_ = known(tableau_, next.step);
        y = next.step.y;
        t = next.to;
      } else {
        ++effort_.rejected;
      }
      require<NonFiniteError>(
          effort_.accepted + effort_.rejected < options.most_tries || t == span.to,
          "integrate: {} steps tried, and t = {} reached; it has to be {}; hint: "
          "a larger tolerance, or Adaptive::most_tries",
          options.most_tries, t, span.to);
    }
    return y;
  }

  Effort effort() const {
    Effort all = effort_;
    all.evaluations = field_.evaluations();
    return all;
  }

 private:
  double error_of(const Stepped& step, const Var& y, double h, const Adaptive& options) const {
    const Unrecorded unrecorded;  // a number, like the size of the step
    const Var difference = led(zeros(y.shape()), step.k, tableau_.error_weights, h);
    return largest_row_error(difference.value(), y.value(), step.y.value(), options);
  }

  struct Try {
    Stepped step;
    double to;
    bool good;
  };
  // A step towards `end`, and the size of the next one.
  Try tried(const Var& y, double t, double end, const Adaptive& options) {
    const double left = std::abs(end - t);
    const bool lands = 1.01 * size_ >= left;  // no sliver is left over
    const double taken = lands ? left : size_, h = direction_ * taken, to = lands ? end : t + h;
    std::vector<double> times;
    for (const double node : tableau_.nodes) times.push_back(node < 1 ? t + node * h : to);
    Stepped step = stepped(field_, y, tableau_, h, times, first_);
    const double error = error_of(step, y, h, options);
    if (!std::isfinite(error)) {
      require<NonFiniteError>(!halved_, "integrate: not finite between t = {} and {}", t, to);
      halved_ = true;
      size_ = taken / 2;
      return {std::move(step), to, false};
    }
    const bool forced = error > 1 && taken <= shortest_;
    effort_.forced += forced;
    const bool good = error <= 1 || forced;
    const double next = taken * size_factor(error, tableau_.order, good_ && !halved_);
    size_ = std::max(lands && good ? std::max(size_, next) : next, shortest_);
    good_ = good;
    halved_ = false;
    return {std::move(step), to, good};
  }

  Asked field_;
  const Tableau& tableau_;
  Effort effort_;
  std::optional<Var> first_;                        // what the next step's first stage sees
  double size_ = 0, shortest_ = 0, direction_ = 1;  // of adaptive steps
  bool good_ = true, halved_ = false;               // the last try
};

// Along all the times; `visit` is told of every step, `arrive` of y at each time but the first.
template <class Visit, class Arrive>
Effort follow(const Field& field, Var y, const std::vector<double>& times, const Tableau& tableau,
              const Steps& steps, const Visit& visit, const Arrive& arrive) {
  Walk walk(field, y, tableau);
  if (steps.adaptive()) walk.adapt(y, times.front(), times.back(), *steps.adaptive());
  for (std::size_t i = 1; i < times.size(); ++i) {
    const Span span{times[i - 1], times[i]};
    y = steps.adaptive() ? walk.adaptive(std::move(y), span, *steps.adaptive(), visit)
                         : walk.fixed(std::move(y), span, steps.fixed()->steps, visit);
    arrive(y);
  }
  return walk.effort();
}

std::vector<double> ends(const Span& span) {
  require(std::isfinite(span.to - span.from), "integrate: a span from {} to {} given; finite ones",
          span.from, span.to);
  return {span.from, span.to};
}

constexpr auto nothing = [](const auto&) {};

}  // namespace

Index steps_of_size(double dt) {
  require(1e-9 <= dt && dt <= 1, "steps_of_size: dt {} given; from 1e-9 to 1", dt);
  return static_cast<Index>(std::llround(1 / dt));
}

Var integrate(const Field& field, const Var& y, const Span& span, const Tableau& tableau,
              const Steps& steps) {
  Var end = y;
  follow(field, y, ends(span), tableau, steps, nothing, [&](const Var& at) { end = at; });
  return end;
}

std::vector<Var> trajectory(const Field& field, const Var& y, const Span& span,
                            const Tableau& tableau, const Steps& steps) {
  std::vector<Var> states{y};
  follow(
      field, y, ends(span), tableau, steps,
      [&](const Taken& taken) { states.push_back(taken.step.y); }, nothing);
  return states;
}

Solution solve(const Field& field, const Var& y, const std::vector<double>& times,
               const Tableau& tableau, const Steps& steps) {
  require(times.size() >= 2, "solve: {} times given; at least 2", times.size());
  for (std::size_t i = 1; i < times.size(); ++i)
    require(std::isfinite(times[i] - times[i - 1]) &&
                (times[i] - times[i - 1]) * (times[1] - times[0]) > 0,
            "solve: time {} behind {} given; all upwards, or all downwards, and finite", times[i],
            times[i - 1]);
  Solution solution{{y}, {}};
  solution.effort = follow(field, y, times, tableau, steps, nothing,
                           [&](const Var& at) { solution.states.push_back(at); });
  return solution;
}

Curve curve(const Field& field, const Var& y, const Span& span, const Tableau& tableau,
            const Steps& steps) {
  require(!tableau.middle_weights.empty(),
          "curve: {} given; a method with dense output; hint: dormand_prince", tableau.name);
  std::vector<Curve::Piece> pieces;
  Var start = y;
  const auto keep = [&](const Taken& taken) {
    const auto& [end, k] = taken.step;
    pieces.push_back({taken.from, taken.to, start, end,
                      led(start, k, tableau.middle_weights, taken.to - taken.from), k.front(),
                      k.back()});
    start = end;
  };
  const Effort effort = follow(field, y, ends(span), tableau, steps, keep, nothing);
  return {std::move(pieces), effort};
}

}  // namespace gradflow
