// Tableau: a Runge-Kutta method, as data.
//
// The one idea: a method walks from t to t + h with several looks at the field, its stages. Stage i
// looks at time t + c_i h, at the place that earlier stages lead to; the step is a mean of what the
// stages saw:
//
//   k_i = f(y + h (a_i0 k_0 + ... + a_i,i-1 k_i-1), t + c_i h)
//   y(t + h) = y + h sum_i b_i k_i
//
// So a solver is a table of numbers: the c down the left, the rows of a beside them, b below.
//   Hairer, Norsett, Wanner, "Solving ordinary differential equations I" (1993), section II.1.
//
// To add one: write its table here and give it a row in the table of tests/tables/test_ode.cpp,
// which measures its order.
//
// Read next: integrate.h.
#pragma once

#include <algorithm>
#include <vector>

namespace gradflow {

struct Tableau {
  const char* name;                       // of the method
  int order;                              // the error falls as h to this power
  std::vector<double> nodes;              // c: one for each stage
  std::vector<std::vector<double>> rows;  // a: row i has i numbers
  std::vector<double> weights;            // b: their sum is 1
  // Of the difference to a method of another order, for methods that choose their own steps.
  std::vector<double> error_weights = {};
  // Of the place in the middle of a step, for those that can be asked for any time (curve.h).
  std::vector<double> middle_weights = {};
};

// True if the last stage looks at the end of the step: it is then the next one's first.
inline bool first_same_as_last(const Tableau& tableau) {
  const std::vector<double>&last = tableau.rows.back(), &b = tableau.weights;
  return tableau.nodes.back() == 1 && b.back() == 0 && last.size() + 1 == b.size() &&
         std::equal(last.begin(), last.end(), b.begin());
}

// One stage: along the slope at the beginning.
inline const Tableau euler{.name = "euler", .order = 1, .nodes = {0}, .rows = {{}}, .weights = {1}};

// With the clock at the step's end. Not a method one would choose; a published figure of these
// models was made with it.
inline const Tableau euler_right_end{
    .name = "euler_right_end", .order = 1, .nodes = {1}, .rows = {{}}, .weights = {1}};

// Along the slope in the middle, which a first half step finds.
inline const Tableau midpoint{
    .name = "midpoint", .order = 2, .nodes = {0, 0.5}, .rows = {{}, {0.5}}, .weights = {0, 1}};

// Along the mean of the slopes at both ends.
inline const Tableau heun{
    .name = "heun", .order = 2, .nodes = {0, 1}, .rows = {{}, {1}}, .weights = {0.5, 0.5}};

// The classical method.
inline const Tableau runge_kutta4{.name = "runge_kutta4",
                                  .order = 4,
                                  .nodes = {0, 0.5, 0.5, 1},
                                  .rows = {{}, {0.5}, {0, 0.5}, {0, 0, 1}},
                                  .weights = {1. / 6, 1. / 3, 1. / 3, 1. / 6}};

// The usual one for adaptive steps: of fifth order, with an estimate of fourth. Dormand and Prince,
// "A family of embedded Runge-Kutta formulae" (1980); the middle by Shampine (1986).
inline const Tableau dormand_prince{
    .name = "dormand_prince",
    .order = 5,
    .nodes = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
    .rows = {{},
             {1. / 5},
             {3. / 40, 9. / 40},
             {44. / 45, -56. / 15, 32. / 9},
             {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
             {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
             {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}},
    .weights = {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0},
    .error_weights = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525,
                      -1. / 40},
    .middle_weights = {6025192743. / 30085553152 / 2, 0, 51252292925. / 65400821598 / 2,
                       -2691868925. / 45128329728 / 2, 187940372067. / 1594534317056 / 2,
                       -1776094331. / 19743644256 / 2, 11237099. / 235043384 / 2}};

}  // namespace gradflow
