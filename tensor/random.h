// Rng: random numbers from a counter, not from a state that is stirred.
//
// The one idea: the n-th random block is a function of (seed, stream, n) alone: the counter n is
// enciphered with the seed as the key. So a stream can be split into independent ones, continued
// from any place by storing one number, and filled in parallel with the same result.
//
// The function is Philox 4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
// (SC 2011). uniform and normal are our own, because those of <random> differ between libraries.
//
// float and double builds draw the same numbers (up to rounding), 24 random bits in each uniform.
#pragma once

#include <array>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

// Philox 4x32-10: 128 bits of counter and 64 of key give 128 random bits.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

class Rng {
 public:
  // At the beginning of a stream. Other seeds and other streams give independent numbers.
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  // An independent generator for sub-task `id`, e.g. one for each step; this one does not move.
  Rng fork(std::uint64_t id) const;

  // Each number in [low, high). Throws ShapeError unless low <= high and high - low is finite.
  Tensor uniform(const Shape& shape, real low = 0, real high = 1);
  Tensor normal(const Shape& shape);  // N(0, 1), Box-Muller
  // `count` integers, each 0 ... bound - 1 with equal probability. Throws ShapeError unless bound
  // is 1 ... 2^32 - 1.
  std::vector<Index> integers(Index bound, Index count);
  // 0 ... n - 1 shuffled (Fisher-Yates). Throws ShapeError unless n is 0 ... 2^32 - 1.
  std::vector<Index> permutation(Index n);

  // Where the stream stands: the number of blocks drawn. Storing it and setting it continues there.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }

 private:
  using Block = std::array<std::uint32_t, 4>;
  Block next_block();
  std::vector<std::uint32_t> words(Index count);              // whole blocks, at least `count`
  Index below(std::uint32_t bound, Block& block, int& left);  // 0 ... bound - 1

  std::uint64_t seed_, stream_;
  std::uint64_t position_ = 0;
};

}  // namespace gradflow
