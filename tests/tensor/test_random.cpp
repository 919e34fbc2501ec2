// Random numbers: the generator against its authors' test vectors, the streams against numbers
// computed elsewhere (so that a seed means the same for ever, in float and in double), and the
// distributions by their moments.

#include "tensor/random.h"

#include <limits>
#include <map>
#include <numbers>
#include <set>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/kernels/vector_math.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/reference.h"

namespace gradflow {
namespace {

using Words = std::array<std::uint32_t, 4>;

// From the known-answer file of Random123, the authors' own library.
TEST_CASE("Philox gives the published answers") {
  constexpr std::uint32_t all = 0xffffffff;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({all, all, all, all}, {all, all}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

// These numbers come from a few lines of Python. If this fails, every experiment changes.
TEST_CASE("a seed means the same numbers for ever - in float and in double") {
  const Tensor uniform = Rng(42, 7).uniform({5});
  const double expected_uniform[] = {0.40598195791244507, 0.8958139419555664, 0.42380964756011963,
                                     0.33379507064819336, 0.8979173302650452};
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(double{uniform.values()[i]} == expected_uniform[i]);  // 24 bits: exact in float

  const Tensor normal = Rng(42, 7).normal({5});
  const double expected_normal[] = {-0.6747299956740885, 0.37586096991587037, -0.9279021027890059,
                                    1.1608757057221548, -0.2806662573814961};
  // The angle, up to 2 pi, is rounded before its cosine is taken, and that is multiplied by r < 6.
  for (std::size_t i = 0; i < 5; ++i) CHECK(close(normal.values()[i], expected_normal[i], 4, 6));
}

TEST_CASE("the first words of a stream are Philox of the counter") {
  const std::uint64_t seed = 0x0123456789abcdef, stream = 0xfedcba9876543210;
  Rng rng(seed, stream);
  const std::uint64_t position = 0x1'0000'0007;
  rng.set_position(position);
  const Words words = philox({7, 1, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
  const Tensor x = rng.uniform({4});
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(double{x.values()[i]} == double(words[i] >> 8) / (1 << 24));
  CHECK(rng.position() == position + 1);
}

TEST_CASE("uniform numbers - bounds and moments") {
  constexpr Index n = 200'000;
  const Tensor x = Rng(1).uniform({n}, -2, 3);
  double total = 0, squares = 0, low = 3, high = -2;
  for (const double v : x.values()) {
    total += v;
    squares += v * v;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const double mean = total / n, variance = squares / n - mean * mean;
  // Five standard errors: 5/sqrt(12)/sqrt(n) for the mean, and 5^2/sqrt(180 n) for the variance.
  CHECK(std::abs(mean - 0.5) < 5 * 5 / std::sqrt(12.0 * n));
  CHECK(std::abs(variance - 25.0 / 12) < 5 * 25 / std::sqrt(180.0 * n));
  CHECK(low >= -2);
  CHECK(low < -2 + 1e-3);  // the chance of missing a strip of this width is e^-40
  CHECK(high < 3);
  CHECK(high > 3 - 1e-3);
}

// Far from 0 a float has few digits, and a number just below the upper bound would round to it.
TEST_CASE("uniform numbers never reach the upper bound") {
  constexpr real low = 1000, high = 1001;
  const Tensor x = Rng(2).uniform({500'000}, low, high);
  CHECK(*std::max_element(x.values().begin(), x.values().end()) < high);
  CHECK(*std::min_element(x.values().begin(), x.values().end()) >= low);
  CHECK(difference(Rng(2).uniform({3}, 5, 5), Tensor({3}, {5, 5, 5})) == "");
}

TEST_CASE("bounds of uniform numbers that make no range are refused") {
  CHECK(
      message_of<ShapeError>([] { Rng(1).uniform({4}, 10, 7); }) ==
      "uniform: 10 to 7 given; finite bounds, the first not above the second, and a finite width");
  constexpr real inf = std::numeric_limits<real>::infinity();
  constexpr real nan = std::numeric_limits<real>::quiet_NaN();
  constexpr real most = std::numeric_limits<real>::max();
  const std::pair<real, real> wrong[] = {{1, 0},
                                         {0, -1},
                                         {0, -inf},
                                         {-inf, 0},
                                         {0, inf},
                                         {inf, 0},
                                         {inf, inf},
                                         {-inf, inf},
                                         {nan, 1},
                                         {0, nan},
                                         {nan, nan},
                                         {-most, most},
                                         {std::nextafter(real{1}, real{2}), 1}};
  for (const auto& [low, high] : wrong) {
    CAPTURE(low, high);
    CHECK_THROWS_AS(Rng(1).uniform({4}, low, high), ShapeError);
    CHECK_THROWS_AS(Rng(1).uniform({0}, low, high), ShapeError);
  }
  for (const real low : {real{0}, -most / 2, most}) {  // no width, or the greatest
    const real high = low < 0 ? most / 2 : low;
    const Tensor x = Rng(1).uniform({1000}, low, high);
    CHECK(std::all_of(x.values().begin(), x.values().end(),
                      [=](real v) { return low <= v && (v < high || low == high); }));
  }
}

TEST_CASE("normal numbers - moments and tails") {
  constexpr Index n = 200'000;
  const Tensor x = Rng(3).normal({n});
  double moments[5] = {};
  double beyond_2 = 0, neighbours = 0;
  for (Index i = 0; i < n; ++i) {
    const double v = x.data()[i];
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(v, k) / n;
    beyond_2 += std::abs(v) > 2 ? 1.0 / n : 0;
    if (i > 0) neighbours += v * double{x.data()[i - 1]} / n;
  }
  // Five standard errors; the variance of x^k is E x^2k - (E x^k)^2.
  const double error = 5 / std::sqrt(double(n));
  CHECK(std::abs(moments[1]) < error);
  CHECK(std::abs(moments[2] - 1) < error * std::sqrt(2.0));
  CHECK(std::abs(moments[3]) < error * std::sqrt(15.0));
  CHECK(std::abs(moments[4] - 3) < error * std::sqrt(96.0));
  CHECK(std::abs(neighbours) < error);
  CHECK(std::abs(beyond_2 - std::erfc(std::sqrt(2.0))) < error * std::sqrt(0.0455));
}

TEST_CASE("normal numbers come in any number") {
  for (const Index n : {0, 1, 2, 3, 4, 5, 9, 33}) {
    const Tensor x = Rng(4).normal({n});
    CHECK(x.shape() == Shape{n});
    for (const real v : x.values()) CHECK(std::abs(v) < 6.1);  // sqrt(-2 log 2^-25) is 5.9
  }
  CHECK(Rng(4).normal({3, 2}).shape() == Shape{3, 2});
  // The n-th pair is made of the n-th words, with the bits of its own whatever stands around it.
  for (const Index pairs : {1, 5, 15, 16, 17, 33}) {
    const Tensor u = Rng(4).uniform({2 * pairs}), z = Rng(4).normal({2 * pairs});
    for (Index i = 0; i < pairs; ++i) {
      CAPTURE(pairs, i);
      const real r = std::sqrt(-2 * math::log(u.at({i}) + real(0.5) / (1 << 24)));
      const real turn = u.at({pairs + i}), angle = 2 * std::numbers::pi_v<real> * turn;
      REQUIRE(z.at({i}) == r * math::cos_of_turns(turn));
      REQUIRE(z.at({pairs + i}) == r * math::sin_of_turns(turn));
      const real rounding = 16 * std::numeric_limits<real>::epsilon();
      CHECK(std::abs(z.at({i}) - r * std::cos(angle)) <= rounding * r);
      CHECK(std::abs(z.at({pairs + i}) - r * std::sin(angle)) <= rounding * r);
    }
  }
}

TEST_CASE("integers are in range and equally likely") {
  Rng rng(5);
  for (const Index bound : {1, 2, 3, 7, 10}) {
    constexpr Index n = 60'000;
    std::vector<Index> counts(std::size_t(bound), 0);
    for (const Index i : rng.integers(bound, n)) ++counts.at(std::size_t(i));  // checks the range
    // Binomial counts, five standard deviations.
    const double p = 1 / double(bound);
    for (const Index count : counts)
      CHECK(std::abs(double(count) - n * p) <= 5 * std::sqrt(n * p * (1 - p)));
  }
  // At 3 * 2^30, four words have three answers: if none were drawn again, every third answer would
  // come twice as often as the others.
  constexpr Index bound = Index{3} << 30, n = 60'000;
  Index remainders[3] = {};
  for (const Index i : rng.integers(bound, n)) ++remainders[i % 3];
  for (const Index count : remainders) CHECK(std::abs(double(count) - n / 3.0) < 5 * 116);

  for (const Index i : rng.integers(0xffffffff, 1000)) REQUIRE((i >= 0 && i < 0xffffffff));
  CHECK(rng.integers(5, 0).empty());
  CHECK(message_of<ShapeError>([&] { rng.integers(0, 1); }) ==
        "integers: bound 0 given; 1 to 2^32 - 1 are possible");
  CHECK_THROWS_AS(rng.integers(Index{1} << 32, 1), ShapeError);
  CHECK_THROWS_AS(rng.integers(5, -1), ShapeError);
}

TEST_CASE("a permutation has every number once and every order equally often") {
  for (const Index n : {0, 1, 2, 3, 10, 1000}) {
    const std::vector<Index> order = Rng(6).permutation(n);
    std::set<Index> seen(order.begin(), order.end());
    CHECK(std::ssize(order) == n);
    CHECK(std::ssize(seen) == n);
    CHECK((n == 0 || (*seen.begin() == 0 && *seen.rbegin() == n - 1)));
  }
  for (const Index n : {Index{-1}, Index{-7}, Index{1} << 32})
    CHECK(message_of<ShapeError>([n] { Rng(6).permutation(n); }) ==
          fmt::format("permutation: {} numbers given; 0 to 2^32 - 1 are possible", n));

  constexpr int n = 24'000;
  std::map<std::vector<Index>, int> counts;
  Rng rng(7);
  for (int i = 0; i < n; ++i) ++counts[rng.permutation(4)];
  CHECK(counts.size() == 24);
  const double p = 1.0 / 24;
  for (const auto& [order, count] : counts)
    CHECK(std::abs(count - n * p) <= 5 * std::sqrt(n * p * (1 - p)));
}

TEST_CASE("a stream can be continued from its position") {
  Rng rng(8, 9);
  CHECK(rng.position() == 0);
  rng.uniform({17});
  rng.normal({5});
  rng.integers(10, 3);
  rng.permutation(6);
  const std::uint64_t position = rng.position();
  CHECK(position > 0);
  const Tensor uniform = rng.uniform({9}), normal = rng.normal({9});
  const std::vector<Index> integers = rng.integers(1000, 9), order = rng.permutation(9);

  Rng resumed(8, 9);
  resumed.set_position(position);
  CHECK(difference(resumed.uniform({9}), uniform) == "");
  CHECK(difference(resumed.normal({9}), normal) == "");
  CHECK(resumed.integers(1000, 9) == integers);
  CHECK(resumed.permutation(9) == order);
  CHECK(resumed.position() == rng.position());

  const Tensor next = rng.uniform({9});
  CHECK(difference(next, uniform) != "");  // a stream does not repeat itself
}

// So that forks of forks do not meet: plain sums of numbers would.
TEST_CASE("a fork's stream is numbered by SplitMix64 of the parent's and its own number") {
  const auto mix = [](std::uint64_t x) {  // the first output of SplitMix64 from state x
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  };
  REQUIRE(mix(1234567) == 6457827717110365317u);  // as published
  for (const std::uint64_t stream : {0u, 1u, 77u})
    for (const std::uint64_t id : {0u, 1u, 2u, 1000u}) {
      CAPTURE(stream, id);
      Rng fork = Rng(9, stream).fork(id), expected(9, mix(stream ^ mix(id)));
      CHECK(difference(fork.uniform({8}), expected.uniform({8})) == "");
    }
}

TEST_CASE("seeds and streams and forks are independent of each other") {
  constexpr Index n = 20'000;
  const Rng parent(10);
  const std::vector<Rng> rngs{parent,
                              Rng(11),
                              Rng(10, 1),
                              parent.fork(0),
                              parent.fork(1),
                              parent.fork(2),
                              parent.fork(1).fork(1)};
  std::vector<Tensor> numbers;
  numbers.reserve(rngs.size());
  for (Rng rng : rngs) numbers.push_back(rng.normal({n}));
  for (std::size_t a = 0; a < numbers.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      CAPTURE(a, b);
      double correlation = 0;
      for (Index i = 0; i < n; ++i)
        correlation += double{numbers[a].data()[i]} * double{numbers[b].data()[i]} / n;
      CHECK(std::abs(correlation) < 5 / std::sqrt(double(n)));
    }
}

TEST_CASE("a fork depends on nothing but its number") {
  Rng parent(12);
  const Tensor before = parent.fork(3).uniform({8});
  CHECK(parent.position() == 0);  // the parent does not move
  parent.uniform({100});
  CHECK(difference(parent.fork(3).uniform({8}), before) == "");
}

}  // namespace
}  // namespace gradflow
