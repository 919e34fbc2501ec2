// Bijection: a map between data x and latent variables z that can be run both ways.
//
// The one idea of normalizing flows: if z = f(x), then p_x(x) = p_z(f(x)) |det df/dx|. So a
// bijection gives, beside the mapped points, the logarithm of that determinant.
//   Rezende and Mohamed, "Variational inference with normalizing flows" (2015), equation 5.
//
// The directions are called by where they lead, to_latent (x to z) and to_data (z to x), since
// "forward" and "inverse" mean opposite things in different libraries. log_det always belongs to
// the function that was just called.
//
// Both may depend on a context: what is known of a point beside its coordinates, such as a class or
// a measurement. And log_det can be declined, by whoever wants samples only.
//
// To add a bijection: derive from this class, write its mathematics (map_to_latent, map_to_data;
// the arguments have been checked), and give it a row in the table of tests/tables/test_flows.cpp,
// which then checks all that must hold. elementwise.h is the shortest example.
//
// Read next: coupling.h, chain.h.
#pragma once

#include "autograd/ops.h"
#include "flows/polymorphic.h"

namespace gradflow {

// What a bijection makes of a batch of points.
struct Mapped {
  Var points;              // (B, D)
  Var log_det = Tensor();  // (B): log |det of the Jacobian| at each point; no elements if declined
};

enum class LogDet { no, yes };  // whether it is wanted

inline const Var no_context = Tensor();  // nothing is known beside the coordinates

class Bijection {
 public:
  virtual ~Bijection() = default;

  // z = f(x), and x = f^-1(z), each with the log-determinant of its own Jacobian: points (B,
  // dim()), context (B, context()), or none if that is 0. Throw ShapeError for anything else.
  Mapped to_latent(const Var& x, const Var& context = no_context,
                   LogDet log_det = LogDet::yes) const;
  Mapped to_data(const Var& z, const Var& context = no_context, LogDet log_det = LogDet::yes) const;

  // Shows it the first data, before training: layers that begin with moments of what reaches them
  // on the way to the latent side take them (linear/actnorm.h), others do nothing.
  void initialise(const Tensor& x, const Tensor& context = Tensor());

  virtual const char* name() const = 0;        // of the class, for messages
  virtual Index dim() const = 0;               // D, the number of coordinates
  virtual Index context() const { return 0; }  // how many numbers it wants to know of each point
  struct Passes {                      // what each direction costs: how often a network is asked
    Index to_latent = 0, to_data = 0;  // in that direction
  };
  virtual Passes passes() const { return {}; }  // none, where there is no network
  // Names its tensors (nn/parameters.h).
  virtual void visit(const Visitor&) {}

 protected:
  Bijection() = default;
  Bijection(const Bijection&) = default;
  Bijection(Bijection&&) = default;
  Bijection& operator=(const Bijection&) = default;
  Bijection& operator=(Bijection&&) = default;

  // For bijections that are made of others: a part's map, without checking again.
  static Mapped part_to_latent(const Bijection& part, const Var& x, const Var& context,
                               LogDet log_det);
  static Mapped part_to_data(const Bijection& part, const Var& z, const Var& context,
                             LogDet log_det);

 private:
  // The mathematics. A map that keeps volume (log_det 0 everywhere) leaves log_det out; the others
  // must not compute it where it is declined.
  virtual Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const = 0;
  virtual Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const = 0;
  virtual void begin_with(const Tensor&, const Tensor&) {}  // see initialise()
};

using AnyBijection = Polymorphic<Bijection>;  // a value of any class that is derived from it

// The sum of two log-determinants, either of which may have been left out.
Var added(const Var& log_det, const Var& other);

// Throw ShapeError, naming what was called ("Flow::sample"), unless the points are (B, dim), and
// the context (points, size), or nothing for a size of 0.
void check_points(std::string_view called, const Var& points, Index dim);
void check_context(std::string_view called, const Var& context, Index points, Index size);

}  // namespace gradflow
