// Data sets around the graph of a function: one coordinate is normal, the other a function of it
// with normal noise. The plane sets of Durkan et al., Neural Spline Flows (2019).
//
//   u ~ N(0, 1),   v = f(u) + c N(0, 1):   log p = log N(u) + log N((v - f(u)) / c) - log c
//
// The one idea: that is a flow of one layer. (u, (v - f(u)) / c) are two independent normals, and
// the map to them has the Jacobian 1 / c: so the entropy is 1 + log 2 pi + log c for any f.
#pragma once

#include "experiments/data/data_set.h"

namespace gradflow {

DataSet sine();            // f = sin 5u,       c = 1/e
DataSet absolute();        // f = |u| - 1,      c = e^-1.5
DataSet sign();            // f = sgn(u) + u,   c = e^-1.5; it jumps
DataSet crescent();        // f = u^2 / 2 - 1,  c = 1/e; here u is y and v is x
DataSet crescent_cubed();  // f = 0.2 u^3,      c = 1; the same

}  // namespace gradflow
