// WatchNumbers: find the first number that is not finite.
//
// While one is in scope, this thread's tapes look at every result and every gradient that passes,
// which takes time: it is for finding out what went wrong. They throw NonFiniteError at the first
// that is not finite, naming the operation that it came from and the parameter that was used last.
//
//   const WatchNumbers watch;
//   Tape tape(weights);
//   tape.backward(loss());   // throws: the result of log is not finite, at parameter 0.weight
//
// Read next: nn/batch_gradient.cpp, which runs a step that went wrong once more, watched.
#pragma once

namespace gradflow {

class WatchNumbers {
 public:
  WatchNumbers();
  ~WatchNumbers();
  WatchNumbers(const WatchNumbers&) = delete;
  WatchNumbers& operator=(const WatchNumbers&) = delete;

 private:
  bool before_;
};

}  // namespace gradflow
