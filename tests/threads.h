// A number of threads for a part of a test.
#pragma once

#include "tensor/threads/parallel.h"

namespace gradflow {

// A number of threads for the rest of a scope.
class WithThreads {
 public:
  explicit WithThreads(int count) : before_(threads()) { set_threads(count); }
  ~WithThreads() { set_threads(before_); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;

 private:
  int before_;
};

}  // namespace gradflow
