// Tableau: a Runge-Kutta method, as data.
//
// The one idea: a method walks from t to t + h with several looks at the field, its stages. Stage i
// looks at time t + c_i h, at the place that earlier stages lead to; the step is a mean of what the
// stages saw:
//
//   k_i = f(y + h (a_i0 k_0 + ... + a_i,i-1 k_i-1), t + c_i h)         y(t + h) = y + h sum_i b_i
//   k_i
//
// So a solver is a table of numbers: the c down the left, the rows of a beside them, b below.
//   Hairer, Norsett, Wanner, "Solving ordinary differential equations I" (1993), section II.1.
//
// To add one: write its table here and give it a row in the table of tests/tables/test_ode.cpp,
// which measures its order.
//
// Read next: integrate.h.
#pragma once

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
};

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

}  // namespace gradflow
