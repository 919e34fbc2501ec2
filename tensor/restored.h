// Restored: a variable that gets its value back at the end of a scope, whatever happens there.
#pragma once

namespace gradflow {

// Remembers the value of `place` and sets it again at its end.
template <class T>
class Restored {
 public:
  explicit Restored(T& place)  // outlives this
      : place_(place), before_(place) {}
  ~Restored() { place_ = before_; }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  T& place_;
  T before_;
};

}  // namespace gradflow
