// parallel_for: every task once, errors in order, and the same bits for any number of threads.

#include "tensor/threads/parallel.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/matmul.h"
#include "tensor/random.h"
#include "tensor/reduce.h"
#include "tensor/threads/team.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/threads.h"

namespace gradflow {
using namespace kernel;  // what is tested here

namespace {

TEST_CASE("every task runs once") {
  for (const int count : {1, 2, 3, 4, 16}) {
    const WithThreads scope(count);
    for (const Index tasks : {0, 1, 2, 3, 7, 1000}) {
      CAPTURE(count, tasks);
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(tasks));
      parallel_for(tasks, [&](Index i) { ++calls.at(static_cast<std::size_t>(i)); });
      CHECK(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
    }
  }
}

TEST_CASE("a loop in parts reaches every number once, in parts that begin with a cache line") {
  const WithThreads scope(2);
  for (const Index n : {0, 1, 15, 16, 17, 4096, 4097, 4112, 12866, 65537, 1000001}) {
    CAPTURE(n);
    std::vector<int> reached(static_cast<std::size_t>(n));
    std::atomic<bool> fit = true;
    parallel_parts(n, [&](Index, Index begin, Index end) {
      fit = fit && begin % 16 == 0 && begin < end && end - begin <= kLongestPart;
      for (Index i = begin; i < end; ++i) ++reached.at(static_cast<std::size_t>(i));
    });
    CHECK(fit);
    CHECK(std::all_of(reached.begin(), reached.end(), [](int calls) { return calls == 1; }));
  }
}

TEST_CASE("the error of the first task by number comes through and the threads go on working") {
  for (const int count : {1, 2, 4}) {
    const WithThreads scope(count);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::atomic<int> finished = 0;
      const auto run = [&] {
        parallel_for(16, [&](Index i) {
          if (i % 5 == 3) throw ShapeError("task " + std::to_string(i));  // 3, 8, 13
          ++finished;
        });
      };
      CHECK(message_of<ShapeError>(run) == "task 3");
      CHECK(finished >= 3);
      CHECK(finished <= 13);
    }
    std::atomic<int> calls = 0;
    parallel_for(16, [&](Index) { ++calls; });
    CHECK(calls == 16);
  }
}

TEST_CASE("inside a task another parallel_for runs in order on the same thread") {
  const WithThreads scope(4);
  constexpr Index outer = 8, inner = 10;
  std::vector<std::vector<Index>> order(outer);
  std::vector<char> moved(outer, 0);
  parallel_for(outer, [&](Index i) {
    const auto here = std::this_thread::get_id();
    parallel_for(inner, [&](Index j) {
      order[static_cast<std::size_t>(i)].push_back(j);
      if (std::this_thread::get_id() != here) moved[static_cast<std::size_t>(i)] = 1;
    });
  });
  const std::vector<Index> expected{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (std::size_t i = 0; i < outer; ++i) {
    CHECK(order[i] == expected);
    CHECK(moved[i] == 0);
  }
}

TEST_CASE("an error of an inner parallel_for comes through both") {
  const WithThreads scope(4);
  const auto run = [] {
    parallel_for(4, [](Index i) {
      parallel_for(4, [i](Index j) {
        if (i >= 1 && j >= 2) throw GraphError(std::to_string(i) + std::to_string(j));
      });
    });
  };
  CHECK(message_of<GraphError>(run) == "12");
}

// Tasks large enough for BLAS, whose own threads would change the order of its sums.
TEST_CASE("one thread and four give the same bits") {
  const Tensor A = Rng(1).normal({1200, 150}), B = Rng(2).normal({150, 140});
  constexpr Index tasks = 12, rows = 100;
  const auto compute = [&](int count) {
    const WithThreads scope(count);
    std::vector<Tensor> parts(tasks, Tensor());
    parallel_for(tasks, [&](Index i) {
      const Tensor y = tanh(matmul(A.rows(i * rows, (i + 1) * rows), B)).value();
      parts[static_cast<std::size_t>(i)] = sum(y, 1);
    });
    return concat(parts, 0);
  };
  const Tensor one = compute(1);
  const Tensor whole = matmul(A, B);
  for (const int count : {2, 3, 4}) {
    CAPTURE(count);
    CHECK(difference(compute(count), one) == "");
    const WithThreads scope(count);
    CHECK(difference(matmul(A, B), whole) == "");  // nor does a product outside of tasks change
  }
}

TEST_CASE("a product on any thread has the same bits") {
  Rng rng(4);  // so large that BLAS does it, which would share it among threads of its own
  const Tensor A = rng.normal({1500, 1500}), B = rng.normal({1500, 64});
  const Tensor here = matmul(A, B);
  Tensor there;
  std::thread([&] { there = matmul(A, B); }).join();
  CHECK(difference(there, here) == "");
}

// Tensors may be made on one thread and die on another.
TEST_CASE("tensors travel between threads") {
  const WithThreads scope(4);
  const Tensor shared = Rng(3).normal({1000});
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::vector<Tensor> results(8, shared);
    parallel_for(8, [&](Index i) {
      Tensor& mine = results[static_cast<std::size_t>(i)];
      mine.mutable_data()[0] = real(i);  // copies: all eight share their storage
      mine = (2 * mine).value();
    });
    for (Index i = 0; i < 8; ++i)
      REQUIRE(results[static_cast<std::size_t>(i)].at({0}) == real(2 * i));
  }
  CHECK(difference(shared, Rng(3).normal({1000})) == "");
}

TEST_CASE("the number of threads") {
  CHECK(threads() >= 1);
  const WithThreads scope(3);
  CHECK(threads() == std::min(3, most_threads()));
  CHECK(message_of<ShapeError>([] { set_threads(0); }) ==
        "set_threads: 0 given; 1 to 1024 are possible");
  CHECK_THROWS_AS(set_threads(1025), ShapeError);
  CHECK(threads() == std::min(3, most_threads()));
}

// In a child of fork() that ends with 0 if `body` holds there; one that hangs is ended.
template <class Body>
int status_of_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

// A child has none of its parent's threads.
TEST_CASE("a child of fork computes by itself") {
  const WithThreads scope(2);
  const Tensor A = Rng(1).normal({1600, 1500}), B = Rng(2).normal({1500, 40});
  const auto compute = [&] {
    std::vector<Tensor> parts(8);
    parallel_for(8, [&](Index i) {
      parts[static_cast<std::size_t>(i)] = matmul(A.rows(200 * i, 200 * (i + 1)), B);
    });
    return concat(parts, 0);
  };
  const Tensor expected = compute(), whole = matmul(A, B);  // the threads are there now
  const auto in_child = [&] {
    const bool same =
        difference(compute(), expected) == "" && difference(matmul(A, B), whole) == "";
    set_threads(4);
    return same && threads() == 1 && difference(compute(), expected) == "";
  };
  CHECK(status_of_child(in_child) == 0);
  with_team(2, [&] {
    CHECK(difference(compute(), expected) == "");
    CHECK(status_of_child(in_child) == 0);
    CHECK(difference(compute(), expected) == "");
  });
  CHECK(threads() == std::min(2, most_threads()));  // here nothing has changed
  CHECK(difference(compute(), expected) == "");
}

}  // namespace
}  // namespace gradflow
