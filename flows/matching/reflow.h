// Reflow: make the paths of a trained field straight, so that few steps are enough; in the end,
// one.
//
// The one idea: a trained field gives pairs of noise and data of its own, each noise point with
// where it is carried to. Their paths do not cross. Train a new field on straight lines between
// these pairs: hardly any cross now, so hardly anything is averaged, and its paths are nearly the
// lines. The densities stay what they were.
//   Liu, Gong, Liu, "Flow straight and fast" (2023), section 2.2.
//
//   const Data pairs = reflow_pairs(model, 50'000, rng);
//   FlowMatching straighter = model;                       // a warm start
//   ... pairs_loss(straighter.network.field(), batch_of_pairs, rng) ...
#pragma once

#include "flows/matching/flow_matching.h"

namespace gradflow {

// n noise points beside where the model carries them: points (n, 2 D), [y_0, y_1], as data to train
// on; with the labels, if there are such. Throws ShapeError for fewer than 0.
Data reflow_pairs(const FlowMatching& model, Index n, Rng& rng,
                  const Tableau& tableau = runge_kutta4, const Steps& steps = {50});
Data reflow_pairs(const FlowMatching& model, const Labels& labels, Rng& rng,
                  const Tableau& tableau = runge_kutta4, const Steps& steps = {50});

// How far a field's own paths are from straight: the mean over them and over the time of |y_1 - y_0
// - v(y_t, t)|^2, from noise (B, D), in so many steps of Runge-Kutta 4, by the trapezoidal rule; 0
// if one Euler step is exact. (Liu et al., equation 5.)
double straightness(const Field& field, const Tensor& noise, Index steps = 50);

// What the way costs: the mean over the paths of the integral of |v(y_t, t)|^2, by Euler's method.
// It is at least the squared Wasserstein distance of the two ends' distributions, and as much if
// the transport is optimal (Benamou and Brenier, 2000).
double path_energy(const Field& field, const Tensor& noise, Index steps = 100);

}  // namespace gradflow
