#include "tensor/buffer.h"

#include <array>
#include <bit>
#include <new>

namespace gradflow {
namespace {

// With the address sanitizer on, every block is its own allocation: a pool would hide the very
// mistakes that the sanitizer is there to find.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

constexpr Index kSmallest = 16;  // numbers in a block of size class 0; each class doubles it

int size_class_of(Index size) {
  const auto units = static_cast<std::uint64_t>((size + kSmallest - 1) / kSmallest);
  return units <= 1 ? 0 : static_cast<int>(std::bit_width(units - 1));
}

}  // namespace

class BufferPool {
 public:
  ~BufferPool() {
    alive_ = false;  // tensors that outlive the pool (statics) go straight to the system
    for (Buffer::Block* block : free_)
      while (block) release(std::exchange(block, block->next_free));
  }

  static Buffer::Block* take(Index size) {
    const int size_class = size_class_of(size);
    ++counts.live;
    if (alive_) {
      Buffer::Block*& head = pool_.free_[static_cast<std::size_t>(size_class)];
      if (head) {
        Buffer::Block* block = std::exchange(head, head->next_free);
        block->owners.store(1, std::memory_order_relaxed);
        return block;
      }
    }
    ++counts.system_allocations;
    const auto numbers = static_cast<std::size_t>(kSmallest) << size_class;
    void* memory = ::operator new (sizeof(Buffer::Block) + numbers * sizeof(real),
                                   std::align_val_t{alignof(Buffer::Block)});
    return new (memory) Buffer::Block{1, size_class, nullptr};
  }

  static void give_back(Buffer::Block* block) noexcept {
    --counts.live;
    if (!kPooled || !alive_) return release(block);
    Buffer::Block*& head = pool_.free_[static_cast<std::size_t>(block->size_class)];
    block->next_free = std::exchange(head, block);
  }

  static thread_local BufferCounts counts;

 private:
  static void release(Buffer::Block* block) noexcept {
    ::operator delete (block, std::align_val_t{alignof(Buffer::Block)});
  }

  std::array<Buffer::Block*, 64> free_{};
  static thread_local BufferPool pool_;
  static thread_local bool alive_;
};

thread_local BufferCounts BufferPool::counts{};
thread_local bool BufferPool::alive_ = true;
thread_local BufferPool BufferPool::pool_;

Buffer::Buffer(Index size) : block_(size > 0 ? BufferPool::take(size) : nullptr) {}

void Buffer::recycle(Block* block) noexcept { BufferPool::give_back(block); }

BufferCounts buffer_counts() { return BufferPool::counts; }

}  // namespace gradflow
