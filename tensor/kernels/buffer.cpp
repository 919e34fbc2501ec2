#include "tensor/kernels/buffer.h"

#include <array>
#include <bit>
#include <new>

namespace gradflow {
namespace {

#if defined(GRADFLOW_UNPOOLED) || defined(__SANITIZE_ADDRESS__)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif
constexpr Index kSmallest = 16;  // numbers in a block of size class 0; each class doubles it

std::size_t size_class_of(Index size) {
  const auto units = static_cast<std::uint64_t>((size + kSmallest - 1) / kSmallest);
  return units <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(units - 1));
}

void release(void* block) noexcept { ::operator delete (block, std::align_val_t{64}); }

thread_local BufferCounts counts{};
thread_local bool pool_alive = true;  // tensors that outlive the pool (statics) go to the system

}  // namespace

/// The blocks that a thread has freed and keeps.
struct Buffer::Pool {
  ~Pool() {
    pool_alive = false;
    for (const List& list : lists)
      for (Block* block = list.first; block;) release(std::exchange(block, block->next_free));
  }
  /// Those of one size class.
  struct List {
    Block* first = nullptr;  ///< each knows the next
    Index kept = 0;          ///< blocks in the list
    Index made = 0;          ///< by this thread, so far
  };
  std::array<List, 64> lists = {};  ///< one for each size class
};
thread_local Buffer::Pool Buffer::pool_;

Buffer::Buffer(Index size) : block_(size > 0 ? take(size) : nullptr) {}

Buffer::Block* Buffer::take(Index size) {
  const std::size_t size_class = size_class_of(size);
  ++counts.live;
  if (pool_alive) {
    Pool::List& list = pool_.lists[size_class];
    if (Block* block = list.first) {
      list.first = block->next_free;
      --list.kept;
      block->owners.store(1, std::memory_order_relaxed);
      return block;
    }
    ++list.made;
  }
  ++counts.system_allocations;
  const std::size_t bytes = sizeof(Block) + (std::size_t{kSmallest} << size_class) * sizeof(real);
  void* memory = ::operator new (bytes, std::align_val_t{64});
  return new (memory) Block{1, size_class, nullptr};
}

void Buffer::give_back(Block* block) noexcept {
  --counts.live;
  if (!kPooled || !pool_alive) return release(block);
  Pool::List& list = pool_.lists[block->size_class];
  if (list.kept == list.made) return release(block);
  block->next_free = std::exchange(list.first, block);
  ++list.kept;
}

bool buffers_pooled() { return kPooled; }

BufferCounts buffer_counts() { return counts; }

}  // namespace gradflow
