// Arena: memory for the small objects of a tape, handed out by moving a pointer.
//
// The one idea: everything a tape records dies at the same moment, so nothing needs to be freed on
// its own. Handing out memory costs an addition; resetting the arena keeps its chunks for the next
// step of the training loop.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace gradflow {

class Arena {
 public:
  // A new T{args...}. The caller calls destructors, where they matter, before reset().
  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return new (take(sizeof(T))) T{std::forward<Args>(args)...};
  }

  void reset();  // all memory is free again; nothing is given back to the system

 private:
  static constexpr std::size_t kChunk = 1 << 16;
  void* take(std::size_t bytes);

  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t current_ = 0;    // the chunk being filled
  std::size_t used_ = kChunk;  // of it
};

}  // namespace gradflow
