#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/kernels/vector_math.h"
#include "tensor/map.h"
#include "tensor/random.h"

namespace gradflow {
namespace {

// A bijection of 64-bit numbers that leaves no trace of its argument's pattern (SplitMix64's
// finaliser): forked streams are numbered with it.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

// A word's upper 24 bits as an integer: what a float holds exactly.
real upper_bits(std::uint32_t word) {
  return static_cast<real>(static_cast<std::int32_t>(word >> 8));
}
constexpr real kUnit = real{1} / (1 << 24);

// u in (0, 1) from the first `pairs` words, v in [0, 1) from the others.
void fill_polar(const std::vector<std::uint32_t>& word, Index pairs, real* u, real* v) {
  const std::uint32_t* const first = word.data();
  for (Index i = 0; i < pairs; ++i) {
    u[i] = kUnit * (upper_bits(first[i]) + real{0.5});  // never 0: log u stays finite
    v[i] = kUnit * upper_bits(first[pairs + i]);
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xd2511f53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xcd9e8d57} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1),
               high(product0) ^ counter[3] ^ key[1], low(product0)};
    key[0] += 0x9e3779b9;
    key[1] += 0xbb67ae85;
  }
  return counter;
}

Rng Rng::fork(std::uint64_t id) const { return Rng(seed_, mix(stream_ ^ mix(id))); }

Rng::Block Rng::next_block() {
  const std::uint64_t n = position_++;
  return philox({low(n), high(n), low(stream_), high(stream_)}, {low(seed_), high(seed_)});
}

std::vector<std::uint32_t> Rng::words(Index count) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>((count + 3) / 4 * 4));
  for (auto at = words.begin(); at != words.end();) {
    const Block block = next_block();
    at = std::copy(block.begin(), block.end(), at);
  }
  return words;
}

Tensor Rng::uniform(const Shape& shape, real from, real to) {
  require(
      from <= to && std::isfinite(to - from),
      "uniform: {} to {} given; finite bounds, the first not above the second, and a finite width",
      from, to);
  Tensor x(shape);
  const std::vector<std::uint32_t> word = words(x.size());
  // Far from 0 the sum below may round up to `to` itself.
  const real largest = std::nextafter(to, from);
  real* out = x.mutable_data();
  for (Index i = 0; i < x.size(); ++i) {
    const real u = kUnit * upper_bits(word[static_cast<std::size_t>(i)]);
    out[i] = std::min(from + (to - from) * u, largest);
  }
  return x;
}

// Box and Muller, 1958: if u and v are uniform in (0, 1), then r cos(2 pi v) and r sin(2 pi v) are
// independent normals, with r = sqrt(-2 log u).
Tensor Rng::normal(const Shape& shape) {
  Tensor z(shape);
  const Index pairs = (z.size() + 1) / 2;
  Tensor r(Shape{pairs}), v(Shape{pairs});
  fill_polar(words(2 * pairs), pairs, r.mutable_data(), v.mutable_data());
  using kernel::map;
  r = map("normal", r, [](real u) { return std::sqrt(-2 * math::log(u)); });
  const auto x = [](real radius, real turn) { return radius * math::cos_of_turns(turn); };
  const auto y = [](real radius, real turn) { return radius * math::sin_of_turns(turn); };
  real* const middle = std::copy_n(map("normal", r, v, x).data(), pairs, z.mutable_data());
  std::copy_n(map("normal", r, v, y).data(), z.size() - pairs, middle);
  return z;
}

// A 32-bit word times `bound` has its answer in the upper half; the few words that would make some
// answers likelier than others are drawn again (Lemire, "Fast random integer generation in an
// interval", 2019).
Index Rng::below(std::uint32_t bound, Block& block, int& left) {
  const std::uint32_t unfair = -bound % bound;
  for (;;) {
    if (left == 0) {
      block = next_block();
      left = 4;
    }
    const std::uint64_t product = std::uint64_t{block[static_cast<std::size_t>(--left)]} * bound;
    if (low(product) >= unfair) return high(product);
  }
}

std::vector<Index> Rng::integers(Index bound, Index count) {
  require(1 <= bound && bound <= 0xffffffff, "integers: bound {} given; 1 to 2^32 - 1 are possible",
          bound);
  require(count >= 0, "integers: count {} given; 0 or more", count);
  std::vector<Index> result(static_cast<std::size_t>(count));
  Block block{};
  int left = 0;
  for (Index& value : result) value = below(static_cast<std::uint32_t>(bound), block, left);
  return result;
}

std::vector<Index> Rng::permutation(Index n) {
  require(0 <= n && n <= 0xffffffff, "permutation: {} numbers given; 0 to 2^32 - 1 are possible",
          n);
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  Block block{};
  int left = 0;
  for (Index i = n - 1; i > 0; --i) {
    const Index j = below(static_cast<std::uint32_t>(i + 1), block, left);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
  }
  return order;
}

}  // namespace gradflow
