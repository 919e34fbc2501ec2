// Ahead: of a series, the next is made while the last one is used.
//
// The one idea: what is made is a function of its number alone. So it may be made early, by another
// thread or by none, and nothing depends on that but the time it takes.
//
// Read next: training.cpp, which makes a batch ahead.
#pragma once

#include <functional>
#include <future>
#include <utility>

#include "tensor/error.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

template <class T>
class Ahead {
 public:
  // make(begin) ... make(end - 1), in this order, each once. The first is begun at once, on a
  // thread of its own if there is more than one; else each is made when it is asked for.
  Ahead(Index begin, Index end, std::function<T(Index number)> make)
      : coming_number_(begin), end_(end), make_(std::move(make)) {
    begin_next();
  }

  // Waits for the next one and begins that after it. Throws what make() threw; ShapeError if there
  // is none.
  T next() {
    require(coming_.valid(), "Ahead: one after the last, {}, asked for", end_ - 1);
    T made = coming_.get();
    begin_next();
    return made;
  }

 private:
  void begin_next() {
    if (coming_number_ < end_)
      coming_ = std::async(threads() > 1 ? std::launch::async : std::launch::deferred,
                           [this, number = coming_number_++] { return make_(number); });
  }

  Index coming_number_;
  const Index end_;
  const std::function<T(Index)> make_;
  std::future<T> coming_;  // the last member: its end waits for make_
};

}  // namespace gradflow
