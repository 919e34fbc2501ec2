// Bijection: a map between data x and latent variables z that can be run both ways.
//
// The one idea of normalizing flows: if z = f(x), then p_x(x) = p_z(f(x)) |det df/dx|. So a
// bijection gives, beside the mapped points, the logarithm of that determinant.
//
// The directions are called by where they lead, to_latent (x to z) and to_data (z to x), since
// "forward" and "inverse" mean opposite things in different libraries. log_det always belongs to
// the function that was just called.
//
// To add a bijection: derive from this struct (affine_coupling.h is the example) and give it a row
// in the table of tests/tables/test_flows.cpp, which then checks all that must hold.
//
// Read next: affine_coupling.h, permutation.h, composition.h.
#pragma once

#include <memory>

#include "nn/parameters.h"

namespace gradflow {

// What a bijection makes of a batch of points.
struct Mapped {
  Var points;   // (B, D)
  Var log_det;  // (B): log |det of the Jacobian| at each point
};

struct Bijection {
  virtual ~Bijection() = default;
  // z = f(x), and x = f^-1(z), each with the log-determinant of its own Jacobian. Throw ShapeError
  // for anything but (B, D).
  virtual Mapped to_latent(const Var& x) const = 0;    // x (B, D)
  virtual Mapped to_data(const Var& z) const = 0;      // z (B, D)
  virtual bool keeps_volume() const { return false; }  // true: log_det is 0 at every point
  virtual Parameters parameters() { return {}; }       // what is trained
  // What belongs to the model but is not trained, e.g. a permutation; saved with the parameters.
  virtual NamedTensors constants() const { return {}; }
  // Takes those of its constants that are given. Throws ShapeError for one that does not fit.
  virtual void set_constants(const NamedTensors&) {}
  // A copy, with parameters of its own.
  virtual std::unique_ptr<Bijection> clone() const = 0;
};

}  // namespace gradflow
