// Which tapes a thread has in scope, the innermost first, and whether that one records.
//
// A tape may end before those that were made after it, on another thread, after its own thread or,
// if it is static, after main(): none of that may leave a dangling pointer. So what a thread looks
// at is not the tape but its Scope, which both share, and which says that a tape has ended.

#include "autograd/storage.h"
#include "autograd/watch.h"

namespace gradflow {
namespace {

std::atomic<std::uint64_t> last_id = 0;
thread_local bool watched = false;

// Of this thread: the innermost scope, and storage for its next tapes. The plain pointer is what
// every operation looks at; null, too, when the thread is ending and the rest is gone.
thread_local Tape::Scope* current = nullptr;
thread_local bool thread_is_alive = true;
thread_local struct OfThread {
  std::shared_ptr<Tape::Scope> innermost;
  std::vector<std::unique_ptr<Tape::Storage>> spare;
  ~OfThread() {
    thread_is_alive = false;
    current = nullptr;
  }
} of_thread;

// Forgets the tapes that have ended, down to the first that has not.
void leave_ended_scopes() {
  auto& innermost = of_thread.innermost;
  while (innermost && !innermost->tape) innermost = std::shared_ptr(innermost->outer);
  current = innermost.get();
}

}  // namespace

Tape::Scope* innermost_scope() { return current; }

Tape* innermost_tape() {
  if (!current) return nullptr;
  if (Tape* tape = current->tape.load(std::memory_order_acquire)) return tape;
  leave_ended_scopes();
  throw GraphError(
      "tape: one of this thread's tapes has been ended by another thread; hint: let a "
      "Tape end on the thread that made it");
}

WatchNumbers::WatchNumbers() : before_(std::exchange(watched, true)) {}
WatchNumbers::~WatchNumbers() { watched = before_; }
bool numbers_are_watched() { return watched; }
bool watching() { return watched && Recorder::recording(); }

Tape::Tape(const Weights* weights) : weights_(weights), id_(++last_id) {
  require<GraphError>(thread_is_alive, "tape: made while its thread is ending");
  auto& [innermost, spare] = of_thread;
  if (spare.empty()) spare.push_back(std::make_unique<Storage>());
  storage_ = std::move(spare.back());
  spare.pop_back();
  scope_ = std::make_shared<Scope>();
  scope_->tape = this;
  scope_->outer = std::exchange(innermost, scope_);
  current = scope_.get();
}

Tape::~Tape() {
  // The newest rules first: the pool gives out first what came back last, so that the next step
  // finds each buffer where this one had it.
  for (std::size_t i = storage_->nodes.size(); i-- > 0;)
    for (Rule* rule = storage_->nodes[i].rules; rule;) std::exchange(rule, rule->next)->~Rule();
  storage_->nodes.clear();
  storage_->arena.release();
  scope_->tape = nullptr;
  if (!thread_is_alive) return;  // a static tape, or one that outlives its thread
  of_thread.spare.push_back(std::move(storage_));
  if (thread_ == std::this_thread::get_id()) leave_ended_scopes();
}

Tape* Recorder::recording() {
  Tape* tape = innermost_tape();
  return tape && !current->paused ? tape : nullptr;
}

Unrecorded::Unrecorded() {
  if (!innermost_tape()) return;
  scope_ = of_thread.innermost;
  before_ = std::exchange(scope_->paused, true);
}

Unrecorded::~Unrecorded() {
  if (scope_) scope_->paused = before_;
}

}  // namespace gradflow
