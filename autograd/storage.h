// What a tape is made of inside: for tape.cpp, record.cpp and scope.cpp alone.
//
// The one idea: a node is small and knows no values; its rules keep what they need of those. What a
// tape has allocated is kept by the thread for its next tape, since a training step makes one after
// another of the same size.
//
// Read next: tape.cpp.
#pragma once

#include <atomic>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "autograd/record.h"

namespace gradflow {

enum class Kind { result, later_result, variable, weights };

struct Tape::Node {
  const char* op;
  Shape shape;
  Kind kind = Kind::result;
  Rule* rules = nullptr;
  Index begin = 0;  // of weights: which numbers of theirs
};

struct Tape::Storage {  // kept by the thread from tape to tape
  // Of the rules. They all die at the same moment, so memory is handed out by moving a pointer,
  // and nothing is freed on its own.
  std::pmr::monotonic_buffer_resource arena{1 << 16};
  std::vector<Node> nodes;
  std::vector<std::optional<Var>> gradients;  // of the pass that is under way
  bool walking = false;                       // whether one is
  std::size_t parts = 0;                      // how many the last one found: room for the next
  std::string last_parameter;                 // used before a number went wrong, if it is watched
};

// A tape among those that a thread has in scope. It outlives the tape: whoever looks at the
// thread's innermost tape must find out that it is gone.
struct Tape::Scope {
  std::atomic<Tape*> tape;  // null: it has ended
  std::shared_ptr<Scope> outer;
  bool paused = false;  // while nothing is recorded
};

// Of this thread: the innermost scope, or null, and the tape there. Throws GraphError if that has
// been ended by another thread.
Tape::Scope* innermost_scope();
Tape* innermost_tape();
bool numbers_are_watched();  // see watch.h
// If they are: throws NonFiniteError unless all of x is finite. `format` says of what operation
// `op` these are the numbers, `at` is the parameter to be blamed, if there is one.
void look_at(const Tensor& x, const char* format, const char* op, const std::string& at);

}  // namespace gradflow
