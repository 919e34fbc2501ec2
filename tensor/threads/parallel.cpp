// How a loop is shared. The thread that calls parallel_for numbers its tasks; every thread of the
// team, the caller too, takes the next number until none is left; the caller then waits for those
// tasks that others have taken. It does not wait for the others themselves: on a busy machine a
// thread may not get a processor for milliseconds, and then the caller does all the work. (The
// barrier at the end of an OpenMP loop waits for every thread: with other programs beside it, a
// training on two threads ran seventy times slower than on one.) So a library provides the threads
// (team.h), and a counter shares the loop. A loop outside with_team() has a team of its own and
// does end at that barrier.

#include "tensor/threads/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <utility>

#include "tensor/error.h"
#include "tensor/threads/team.h"

namespace gradflow {
namespace {

std::atomic<int>& thread_count() {
  static std::atomic<int> count = processors();
  return count;
}

// Looks again and again for a hundred microseconds before it sleeps: the next loop of a series is
// near, and to be woken takes as long. (Without the processor's pause instruction: a virtual
// machine takes a loop of pauses for a reason to let others run. And not std::this_thread::yield():
// two threads that yield to each other can stay on one processor, with another one idle.)
template <class Holds>
void wait_until(const std::atomic<int>& value, bool spin, Holds holds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::microseconds(spin ? 100 : 0);
  do {
    if (holds(value.load())) return;
  } while (Clock::now() < end);
  for (int now = value; !holds(now); now = value) value.wait(now);
}

thread_local bool in_task = false;  // this thread runs loops by itself

class Team {
 public:
  explicit Team(int size) : spin_(size <= processors()) {}

  // On the thread that calls parallel_for.
  void run(Index count, const std::function<void(Index)>& task) {
    task_ = &task;
    count_ = count;
    next_ = 0;
    left_ = static_cast<int>(count);
    error_at_ = count;
    open_ = true;
    ++loops_;
    loops_.notify_all();
    take_tasks();
    wait_until(left_, spin_, [](int left) { return left == 0; });
    open_ = false;
    wait_until(inside_, spin_, [](int inside) { return inside == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  // On the others, until dismiss(). A thread counts itself in before it looks whether the loop is
  // open, and the caller closes a loop before it looks whether somebody is in: so none is late.
  void serve() {
    for (int seen = 0; seen >= 0;) {
      wait_until(loops_, spin_, [seen](int loops) { return loops != seen; });
      seen = loops_;
      ++inside_;
      if (open_) take_tasks();
      --inside_;
      inside_.notify_all();
    }
  }

  void dismiss() {
    loops_ = -1;
    loops_.notify_all();
  }

 private:
  void take_tasks() {
    in_task = true;
    for (Index i; (i = next_++) < count_;) {
      try {
        (*task_)(i);
      } catch (...) {
        keep_error(i);
      }
      --left_;
      left_.notify_all();
    }
    in_task = false;
  }

  void keep_error(Index i) {
    const std::lock_guard lock(error_mutex_);
    if (i >= error_at_) return;
    error_at_ = i;
    error_ = std::current_exception();
  }

  const bool spin_;
  // Of the loop that is open, or was.
  const std::function<void(Index)>* task_ = nullptr;
  Index count_ = 0;
  Index error_at_ = 0;  // the first task that threw, and what
  std::exception_ptr error_;
  std::mutex error_mutex_;
  std::atomic<Index> next_ = 0;
  std::atomic<int> left_ = 0;  // tasks that are not done
  std::atomic<bool> open_ = false;

  std::atomic<int> loops_ = 0;   // so far; -1: no more will come
  std::atomic<int> inside_ = 0;  // other threads that may be taking tasks
};

thread_local Team* team = nullptr;  // that this thread may call on

}  // namespace

int threads() { return std::min<int>(thread_count(), most_threads()); }

void set_threads(int count) {
  require(1 <= count && count <= 1024, "set_threads: {} given; 1 to 1024 are possible", count);
  thread_count() = count;
}

void with_team(Index most, const std::function<void()>& body) {
  const int size = static_cast<int>(std::min<Index>(threads(), most));
  if (size <= 1 || team || in_task) return body();
  Team own(size);
  std::exception_ptr error;
  run_team(size, [&](int thread) {
    if (thread != 0) return own.serve();
    team = &own;
    try {
      body();
    } catch (...) {  // an exception must not leave the thread
      error = std::current_exception();
    }
    team = nullptr;
    own.dismiss();
  });
  if (error) std::rethrow_exception(error);
}

void parallel_for(Index count, const std::function<void(Index)>& task) {
  if (in_task || count <= 1 || threads() == 1) {
    for (Index i = 0; i < count; ++i) task(i);
  } else if (!team) {
    with_team(count, [&] { parallel_for(count, task); });
  } else {
    team->run(count, task);
  }
}

Index parts_of(Index n) {
  const Index few = std::min<Index>(4, (n + 4095) / 4096);  // fewer numbers are not worth sharing
  return std::max(few, (n + kLongestPart - 1) / kLongestPart);
}

void parallel_parts(Index n, const std::function<void(Index i, Index begin, Index end)>& part) {
  const Index count = parts_of(n), lines = (n + 15) / 16;
  const auto task = [&](Index i) {
    part(i, lines * i / count * 16, std::min(n, lines * (i + 1) / count * 16));
  };
  if (team || n > Index{1} << 17) return parallel_for(count, task);
  for (Index i = 0; i < count; ++i) task(i);  // to call a team together would take longer
}

}  // namespace gradflow
