#include "autograd/arena.h"

#include "tensor/error.h"

namespace gradflow {

void Arena::reset() {
  current_ = 0;
  used_ = chunks_.empty() ? kChunk : 0;
}

void* Arena::take(std::size_t bytes) {
  constexpr std::size_t kAlign = alignof(std::max_align_t);
  bytes = (bytes + kAlign - 1) / kAlign * kAlign;
  require<GraphError>(bytes <= kChunk, "Arena: an object larger than a chunk was asked for");
  if (used_ + bytes > kChunk) {
    if (!chunks_.empty()) ++current_;
    if (current_ == chunks_.size()) chunks_.push_back(std::make_unique<std::byte[]>(kChunk));
    used_ = 0;
  }
  void* memory = chunks_[current_].get() + used_;
  used_ += bytes;
  return memory;
}

}  // namespace gradflow
