// An oracle for all that follows a field: data from a mixture of Gaussians of one deviation s,
// noise N(0, I), straight paths. The best field, its divergence and the density at every time have
// formulas. With the variance s_t^2 = (1-t)^2 + t^2 s^2, c = (t s^2 - (1 - t)) / s_t^2 and each y's
// shares r_k of the centres t m_k,
//   v = m + c (y - t m),  m = sum_k r_k m_k
//   div v = D c + (1 - c t) t / s_t^2 sum_k r_k |m_k - m|^2
//   p_t = mean_k N(t m_k, s_t^2 I)
#pragma once

#include <cmath>
#include <numbers>

#include "flows/ode/integrate.h"
#include "tensor/random.h"

namespace gradflow {

struct Mixture {
  Tensor centres;  // (K, D)
  real s;

  Index dim() const { return centres.shape()[1]; }  // D

  struct At {  // what all the formulas share, at y (B, D) and t (B, 1)
    Var variance, c, logits, shares, m;
  };
  At at(const Var& y, const Var& t) const {
    const Var variance = square(1 - t) + square(s * t), c = (s * s * t - (1 - t)) / variance;
    std::vector<Var> logits;
    for (Index k = 0; k < centres.rows(); ++k)
      logits.push_back(sum(square(y - t * centres.rows(k, k + 1)), 1, KeepAxis::yes) /
                       (-2 * variance));
    const Var all = concat(logits, 1), shares = exp(all - logsumexp(all, 1, KeepAxis::yes));
    return {variance, c, all, shares, matmul(shares, centres)};
  }

  // (B, D)
  Var velocity(const Var& y, const Var& t) const {
    const At here = at(y, t);
    return here.m + here.c * (y - t * here.m);
  }
  // (B, 1)
  Var divergence(const Var& y, const Var& t) const {
    const At here = at(y, t);
    Var spread = zeros({y.rows(), 1});
    for (Index k = 0; k < centres.rows(); ++k)
      spread = spread + slice(here.shares, 1, k, k + 1) *
                            sum(square(centres.rows(k, k + 1) - here.m), 1, KeepAxis::yes);
    return real(dim()) * here.c + (1 - here.c * t) * t / here.variance * spread;
  }
  // (B): log p_t(y), all at one time
  Tensor log_prob(const Tensor& y, double time = 1) const {
    const Tensor t({y.rows(), 1}, static_cast<real>(time));
    const At here = at(y, t);
    const real K = static_cast<real>(centres.rows()), D = static_cast<real>(dim());
    const Var norm = D / 2 * log(2 * std::numbers::pi_v<real> * here.variance) + std::log(K);
    return (logsumexp(here.logits, 1) - sum(norm, 1)).value();
  }
  Tensor sample(Index n, Rng& rng) const {
    const Tensor noise = rng.normal({n, dim()});
    return (kernel::gather(centres, rng.integers(centres.rows(), n)) + s * noise).value();
  }

  Field field() const {
    return [this](const Var& y, const Var& t) { return velocity(y, t); };
  }
  // The same with the divergence gathered in one more coordinate.
  Field with_divergence() const {
    return [this](const Var& state, const Var& t) {
      const Var y = slice(state, 1, 0, dim());
      return concat({velocity(y, t), divergence(y, t)}, 1);
    };
  }
  // (B): log p(x) by a solve from the data, t = 1, to the noise.
  Tensor solved_log_prob(const Tensor& x, const Tableau& tableau, const Steps& steps) const {
    const Var start = concat({x, zeros({x.rows(), 1})}, 1);
    const Var end = integrate(with_divergence(), start, {1, 0}, tableau, steps);
    const Var z = slice(end, 1, 0, dim()), gathered = slice(end, 1, dim(), dim() + 1);
    const real log_two_pi = std::log(2 * std::numbers::pi_v<real>);
    return (sum(gathered, 1) - sum(square(z), 1) / 2 - real(dim()) / 2 * log_two_pi).value();
  }
};

// Eight Gaussians on a circle of radius 2 sqrt 2, of deviation sqrt(2)/4: Grathwohl et al.,
// "FFJORD" (2019), figure 2.
inline Mixture eight_gaussians() {
  Tensor centres({8, 2});
  for (Index k = 0; k < 8; ++k) {
    const double angle = std::numbers::pi * double(k) / 4, radius = 2 * std::numbers::sqrt2;
    centres.mutable_data()[2 * k] = real(radius * std::cos(angle));
    centres.mutable_data()[2 * k + 1] = real(radius * std::sin(angle));
  }
  return {centres, real(std::numbers::sqrt2 / 4)};
}

// The centres of the cells of a square from -side to side: (cells^2, 2).
inline Tensor grid(real side, Index cells) {
  Tensor points({cells * cells, 2});
  const real cell = 2 * side / real(cells);
  for (Index i = 0; i < cells * cells; ++i) {
    points.mutable_data()[2 * i] = -side + cell * (real(i % cells) + real(0.5));
    points.mutable_data()[2 * i + 1] = -side + cell * (real(i / cells) + real(0.5));
  }
  return points;
}

}  // namespace gradflow
