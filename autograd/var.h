// Var: a Tensor that remembers where it came from.
//
// It holds its value and, if a Tape was recording when it was made from something that is
// differentiated, the number of its node on that tape. Without a tape it is just a value: the same
// code that trains a model runs it.
//
// Read next: tape.h (how it is recorded), ops.h (what can be done with it).
#pragma once

#include <cstdint>
#include <utility>

#include "autograd/parameter.h"

namespace gradflow {

class Var {
 public:
  Var(Tensor value) : value_(std::move(value)) {}  // a constant: nothing flows back into it
  Var(real value) : Var(Tensor::scalar(value)) {}  // the same, of shape ()
  // Of what is trained (parameter.h): a leaf of this thread's tape, if one records and is told to
  // differentiate with respect to it; else a constant.
  Var(const Parameter& parameter);

  const Tensor& value() const& { return value_; }  // the numbers, without their history
  Tensor value() && { return std::move(value_); }  // the same, of a Var that is not needed any more
  const Shape& shape() const { return value_.shape(); }  // of the value
  Index rows() const { return value_.rows(); }           // the size of the batch axis
  real item() const { return value_.item(); }            // the only element; else throws ShapeError
  // True if it is on a tape: derivatives with respect to it, or through it, can be had there.
  bool tracked() const { return tape_ != 0; }

 private:
  friend class Tape;
  friend class Gradients;
  friend struct Recorder;
  Tensor value_;
  std::uint64_t tape_ = 0;  // the tape's number, which no other tape ever has; 0: on no tape
  std::uint32_t node_ = 0;
};

}  // namespace gradflow
