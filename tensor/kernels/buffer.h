// Buffer: a counted, pooled block of numbers, the storage behind every Tensor.
//
// The one idea: training asks for the same sizes again and again, so a block that nobody needs any
// more is not given back to the system but kept, by size, in a list of the thread that freed it.
// After the first step of a training run nothing is allocated any more. A thread keeps no more
// blocks than it has made: it may be freeing what others make.
//
// The count of owners is atomic, so that two threads may hold the same Buffer (a model's weights,
// say). The lists belong to one thread each and need no lock.
//
// Read next: ../tensor.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "tensor/real.h"

namespace gradflow {

// False if the library was compiled with the address sanitizer (see the top CMakeLists.txt): then
// every block is its own allocation, as a pool would hide the very mistakes that the sanitizer is
// there to find. How a program that links it was compiled makes no difference.
bool buffers_pooled();

class Buffer {
 public:
  Buffer() = default;           // no storage
  explicit Buffer(Index size);  // `size` numbers, not initialised, aligned to 64 bytes
  // Copies share the block, moving passes it on, and the last owner gives it back.
  Buffer(const Buffer& other) noexcept : block_(other.block_) {
    if (block_) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() {
    if (block_ && block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) give_back(block_);
  }

  // The first number; null without storage.
  real* data() const { return block_ ? reinterpret_cast<real*>(block_ + 1) : nullptr; }
  // How many Buffers share this storage, this one included; 0 without storage.
  int owners() const { return block_ ? block_->owners.load(std::memory_order_acquire) : 0; }

 private:
  struct alignas(64) Block {  // the numbers follow right behind it
    std::atomic<int> owners;
    std::size_t size_class;
    Block* next_free;
  };
  struct Pool;  // the blocks that a thread keeps
  static thread_local Pool pool_;
  static Block* take(Index size);
  static void give_back(Block* block) noexcept;

  Block* block_ = nullptr;
};

// How many blocks this thread has taken from the system so far, and how many it has taken (from
// the system or from its lists) and not given back. A steady state allocates nothing, and a program
// that leaks nothing ends with the `live` it began with: both are tested.
struct BufferCounts {
  Index system_allocations;  // taken from the system
  Index live;                // taken and not given back
};
BufferCounts buffer_counts();  // of the calling thread

}  // namespace gradflow
