// Polymorphic<T>: a value of any class that is derived from T.
//
// The one idea: models are values (a copy is a snapshot), but "some bijection" can only be had by
// pointer. So the pointer is wrapped once, here: copying copies what is held, and what is held need
// not say how: it is known when it is put in. (C++26 has the same as std::polymorphic.)
#pragma once

#include <concepts>
#include <memory>

#include "nn/parameters.h"

namespace gradflow {

template <class T>
class Polymorphic {
 public:
  // Holds this value.
  template <std::derived_from<T> Derived>
  Polymorphic(Derived value) : held_(std::make_unique<Held<Derived>>(std::move(value))) {}
  // Holds a copy.
  Polymorphic(const Polymorphic& other) : held_(other.held().copy()) {}
  Polymorphic(Polymorphic&&) noexcept = default;
  // To the same class its own assignment: parameters keep their identity, as in any other model.
  Polymorphic& operator=(const Polymorphic& other) {
    if (!held_ || !held_->assign(other.held())) *this = Polymorphic(other);
    return *this;
  }
  Polymorphic& operator=(Polymorphic&&) noexcept = default;
  ~Polymorphic() = default;

  // What is held. Throw GraphError for one that has been moved away.
  T& operator*() { return held().value(); }
  const T& operator*() const { return held().value(); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  // The same as what it is; null if it is something else.
  template <std::derived_from<T> Derived>
  Derived* as() {
    return dynamic_cast<Derived*>(&**this);
  }
  template <std::derived_from<T> Derived>
  const Derived* as() const {
    return dynamic_cast<const Derived*>(&**this);
  }
  void visit(const Visitor& visitor) { (**this).visit(visitor); }

 private:
  struct Any {
    virtual ~Any() = default;
    virtual T& value() = 0;
    virtual std::unique_ptr<Any> copy() const = 0;
    virtual bool assign(const Any& other) = 0;  // false if that is of another class
  };
  template <class Derived>
  struct Held final : Any {
    explicit Held(Derived x) : value_(std::move(x)) {}
    T& value() override { return value_; }
    std::unique_ptr<Any> copy() const override { return std::make_unique<Held>(value_); }
    bool assign(const Any& other) override {
      const auto* same = dynamic_cast<const Held*>(&other);
      if (same) value_ = same->value_;
      return same != nullptr;
    }
    Derived value_;
  };
  Any& held() const {
    require<GraphError>(held_ != nullptr, "Polymorphic: used after it was moved away");
    return *held_;
  }

  std::unique_ptr<Any> held_;
};

}  // namespace gradflow
