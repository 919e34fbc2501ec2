// Reductions over every axis of many shapes against plain loops, and what goes wrong in naive
// versions of them: long float sums, overflow in logsumexp, NaN lost in a maximum.

#include "tensor/reduce.h"

#include <functional>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/reference.h"

namespace gradflow {
using namespace kernel;  // what is tested here

namespace {

struct Reduction {
  const char* name;
  Var (*whole)(const Var&);
  Var (*along)(const Var&, int, KeepAxis);
  double (*plain)(const std::vector<double>&);  // of at least one number
};

double plain_sum(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += v;
  return total;
}

const Reduction kReductions[] = {
    {"sum", sum, sum, plain_sum},
    {"mean", mean, mean, [](const auto& x) { return plain_sum(x) / double(x.size()); }},
    {"max", max, max, [](const auto& x) { return *std::max_element(x.begin(), x.end()); }},
    {"logsumexp", logsumexp, logsumexp,
     [](const auto& x) {
       double total = 0;
       for (const double v : x) total += std::exp(v);
       return std::log(total);
     }},
};

// Numbers of size 1 to 5 are summed, 40 at most, each addition rounded: 40 eps times their sum
// would be the bound, and the logarithm of such a sum is good to the same.
constexpr double kMostRoundings = 40, kScale = 5;

TEST_CASE("reductions along each axis and over everything") {
  const Shape shapes[] = {{1},     {7},       {40},      {2, 3},      {9, 1},    {1, 9},
                          {17, 5}, {5, 17},   {2, 3, 4}, {3, 1, 8},   {8, 9, 2}, {2, 3, 2, 3},
                          {0, 3},  {2, 0, 4}, {4, 0},    {1, 2, 1, 9}};
  for (const Reduction& reduction : kReductions) {
    for (const Shape& shape : shapes) {
      CAPTURE(reduction.name, to_string(shape));
      const Tensor x = Rng(3).uniform(shape, -5, 5);
      const Reference plain = reference(x);
      if (shape.size() > 0) {
        const Reference expected{{}, {reduction.plain(plain.values)}};
        CHECK(difference(reduction.whole(x), expected, kMostRoundings,
                         kScale * double(shape.size()) / 40) == "");
      }
      for (int axis = 0; axis < shape.rank(); ++axis) {
        if (shape[axis] == 0) continue;  // see below
        CAPTURE(axis);
        const auto expected = reference(shape.without(axis), [&](const Position& p) {
          std::vector<double> run;
          for (Index i = 0; i < shape[axis]; ++i) run.push_back(plain[inserted(p, axis, i)]);
          return reduction.plain(run);
        });
        const Reference kept{shape.with(axis, 1), expected.values};
        for (const int name : {axis, axis - shape.rank()}) {
          CHECK(difference(reduction.along(x, name, KeepAxis::no), expected, kMostRoundings,
                           kScale) == "");
          CHECK(difference(reduction.along(x, name, KeepAxis::yes), kept, kMostRoundings, kScale) ==
                "");
        }
      }
    }
  }
}

TEST_CASE("a scalar is reduced to itself") {
  for (const Reduction& reduction : kReductions) {
    CAPTURE(reduction.name);
    CHECK(close(reduction.whole(3).item(), 3, 4));
    CHECK_THROWS_AS(reduction.along(3, 0, KeepAxis::no), ShapeError);
  }
}

TEST_CASE("the sum of nothing is 0 and nothing else of nothing is anything") {
  CHECK(sum(Tensor()).item() == 0);
  CHECK(difference(sum(zeros({0, 3}), 0), zeros({3})) == "");
  CHECK(difference(sum(zeros({2, 0}), 1, KeepAxis::yes), zeros({2, 1})) == "");
  CHECK(message_of<ShapeError>([] { mean(Tensor()); }) ==
        "mean: shape (0) given; at least one element is required");
  CHECK(message_of<ShapeError>([] {
          max(zeros({2, 0}), 1);
        }) == "max: shape (2, 0) given; at least one element is required");
  constexpr Index kHuge = Index{1} << 57;  // not walked along
  CHECK(sum(zeros({kHuge, 2, 0}), 1).shape() == Shape{kHuge, 0});
  CHECK(mean(zeros({kHuge, 2, 0}), 1).shape() == Shape{kHuge, 0});
  CHECK(max(zeros({kHuge, 2, 0}), 1).shape() == Shape{kHuge, 0});
  CHECK_THROWS_AS(max(Tensor()), ShapeError);
  CHECK_THROWS_AS(logsumexp(Tensor()), ShapeError);
  CHECK_THROWS_AS(mean(zeros({0, 3}), 0), ShapeError);
  CHECK_THROWS_AS(logsumexp(zeros({0, 3}), 0), ShapeError);
  CHECK(message_of<ShapeError>([] {
          sum(ones({2, 3}), 2);
        }) == "sum: axis 2 of a tensor of shape (2, 3) given; it has 2 axes");
}

// Sums over the middle axis of (outer, n, inner), in the widest type there is.
Reference exact_sums(const Tensor& x, Index outer, Index n, Index inner) {
  Reference result{{outer, inner}, {}};
  for (Index o = 0; o < outer; ++o)
    for (Index k = 0; k < inner; ++k) {
      long double total = 0;
      for (Index i = 0; i < n; ++i)
        total += static_cast<long double>(x.data()[(o * n + i) * inner + k]);
      result.values.push_back(double(total));
    }
  return result;
}

// How exact a sum of n numbers of one sign is: one rounding, and what its carrier loses on the way.
// double has bits enough for the exact sum of 2^29 floats; long double, 11 bits more than double.
double roundings_of_sum(Index n) {
  return 1 + (sizeof(real) == sizeof(double) ? double(n) / 2048 : 0);
}

// One float after another, the sum of a million times 0.1 is 100958: wrong in the third digit. Here
// nothing cancels, so one rounding of the exact sum is one of the result.
TEST_CASE("sums of any length along any axis are exact up to a rounding") {
  for (const Index n : {1, 2, 3, 7, 63, 64, 65, 129, 1000, 4097, 100'000, 1'000'000})
    for (const Index inner : {1, 2, 3, 5, 31, 63, 64, 65, 511, 512, 513, 1025})
      for (const Index outer : {1, 3}) {
        if (outer * n * inner > 2'100'000) continue;
        CAPTURE(outer, n, inner);
        const Shape shape{outer, n, inner};
        const double roundings = roundings_of_sum(n);
        for (const Tensor& x : {Tensor(shape, real(0.1)), Rng(3).uniform(shape, 1, 2)}) {
          const Reference exact = exact_sums(x, outer, n, inner);
          CHECK(difference(sum(x, 1), exact, roundings) == "");
          CHECK(difference(sum_to(x, {outer, 1, inner}).reshaped({outer, inner}), exact,
                           roundings) == "");
          Reference average = exact;
          for (double& value : average.values) value /= double(n);
          CHECK(difference(mean(x, 1), average, roundings) == "");
        }
      }
}

TEST_CASE("sums over everything are exact up to a rounding") {
  for (const Shape& shape : {Shape{1'000'000}, {1'000'000, 2}, {2, 1'000'000}, {1000, 1, 1000}}) {
    CAPTURE(to_string(shape));
    const Tensor x(shape, real(0.1));
    const double exact = double(real(0.1)) * double(shape.size());
    CHECK(close(sum(x).item(), exact, roundings_of_sum(shape.size())));
    CHECK(close(mean(x).item(), double(real(0.1)), roundings_of_sum(shape.size()) - 1));
  }
}

// That of 3c, say, is not: its last bit may be lost. But the wider type has it.
TEST_CASE("the mean of equal numbers is that number") {
  const Tensor values = Rng(8).normal({20});
  for (const Index n : {1, 2, 3, 5, 17, 63, 64, 65, 100, 127, 1000, 1023})
    for (const real value : values.values()) {
      CAPTURE(n, value);
      const Tensor x({n, 3}, value);
      REQUIRE(difference(mean(x, 0), Tensor({3}, value)) == "");
      REQUIRE(difference(x - mean(x, 0), zeros({n, 3})) == "");
      REQUIRE(difference(mean(transpose(x), 1), Tensor({3}, value)) == "");
      REQUIRE(mean(x).item() == value);
    }
}

TEST_CASE("what is made of sums keeps its digits over long axes") {
  constexpr Index n = 1'000'000;
  for (const Index inner : {1, 2, 5}) {
    CAPTURE(inner);
    for (const real c : {real(100), real(-100), real(0.1)}) {  // constant columns do not vary
      const Tensor x({n, inner}, c);
      const Var deviation = sqrt(mean(square(x - mean(x, 0)), 0));
      const double size = std::abs(double{c});  // in float the mean is c itself
      CHECK(difference(deviation, reference(zeros({inner})), roundings_of_sum(n) - 1, size) == "");
    }
    const Tensor expected({inner}, real(std::log(double(n))));
    CHECK(difference(logsumexp(zeros({n, inner}), 0), reference(expected), 2) == "");
  }
}

// Each of these gradients is a sum of a million times 0.1.
TEST_CASE("gradients that are sums keep their digits") {
  constexpr Index n = 500'000;
  const real slope = real(0.1);
  const auto check = [&](const Shape& shape, const auto& f, double terms) {
    CAPTURE(to_string(shape));
    Tape tape;
    const Var b = tape.variable(zeros(shape));
    const Tensor gradient = tape.backward(sum(slope * f(b)))[b].value();
    const Tensor expected(shape, real(double{slope} * terms));
    CHECK(difference(gradient, reference(expected), 1 + roundings_of_sum(Index(terms))) == "");
  };
  const Tensor x = zeros({n, 2});
  check(
      {2}, [&](const Var& b) { return x + b; }, n);
  check(
      {1, 2}, [&](const Var& b) { return x - (-b); }, n);
  check(
      {}, [&](const Var& b) { return x + b; }, 2 * n);
  check(
      {2},
      [&](const Var& b) {
        return broadcast_to(b, {n, 2});
      },
      n);
  check(
      {2, 1},
      [&](const Var& b) {
        return b + zeros({2, n});
      },
      n);
  check(
      {2, 1, 2},
      [&](const Var& b) {
        return b + zeros({2, n, 2});
      },
      n);
  check(
      {3},
      [&](const Var& b) {
        return linear(x, zeros({3, 2}), b);
      },
      n);
  check(
      {2, 3},
      [&](const Var& b) {
        return gather(b, std::vector<Index>(n, 1)) + gather(b, std::vector<Index>(n, 0));
      },
      n);
  check(
      {3, 2},
      [&](const Var& b) {
        std::vector<Index> everywhere(3 * n);
        for (std::size_t i = 0; i < everywhere.size(); ++i) everywhere[i] = Index(i % 2);
        return gather(b, everywhere, 1);
      },
      1.5 * n);
}

TEST_CASE("sums are the same bits wherever the numbers lie") {
  const Tensor x = Rng(4).normal({5000});
  const Tensor shifted = concat(std::vector<Tensor>{ones({3}), x}, 0).rows(3, 5003);
  CHECK(sum(x).item() == sum(shifted).item());
}

TEST_CASE("a maximum does not hide a NaN") {
  for (Index place = 0; place < 20; ++place) {
    Tensor x = Rng(5).normal({20});
    x.mutable_data()[place] = kNan;
    CHECK(std::isnan(max(x).item()));
    CHECK(std::isnan(max(x.reshaped({20, 1}), 0).item()));
    const Tensor columns = max(x.reshaped({2, 10}), 0);
    for (Index k = 0; k < 10; ++k) CHECK(std::isnan(columns.at({k})) == (k == place % 10));
    CHECK(std::isnan(logsumexp(x).item()));
    CHECK(std::isnan(sum(x).item()));
  }
  CHECK(max(Tensor({3}, {-kInfinity, -kInfinity, -5})).item() == -5);
}

TEST_CASE("logsumexp does not overflow") {
  const auto of = [](std::initializer_list<real> values) {
    return logsumexp(Tensor({std::ssize(values)}, values)).item();
  };
  const double log2 = std::log(2.0);
  CHECK(close(of({1000, 1000}), 1000 + log2, 4));
  CHECK(close(of({-1000, -1000}), -1000 + log2, 4));
  CHECK(close(of({1e30f, -1e30f}), 1e30f, 4));
  CHECK(of({-kInfinity, 3}) == 3);
  CHECK(of({-kInfinity, -kInfinity}) == -kInfinity);  // the logarithm of 0
  CHECK(of({kInfinity, 3}) == kInfinity);
  CHECK(of({kInfinity, -kInfinity}) == kInfinity);
  CHECK(std::isnan(of({kNan, 3})));
}

TEST_CASE("sum_to and broadcast_to undo each other's shapes") {
  const Shape full{2, 3, 4};
  const Shape targets[] = {{2, 3, 4}, {1, 3, 4}, {2, 1, 4}, {2, 3, 1}, {2, 1, 1},
                           {1, 3, 1}, {1, 1, 4}, {3, 4},    {1, 4},    {3, 1},
                           {4},       {1},       {},        {1, 1, 1}};
  const Tensor x = Rng(6).uniform(full, -5, 5);
  for (const Shape& target : targets) {
    CAPTURE(to_string(target));
    // Every element of x goes where broadcasting would have taken it from.
    Reference sums = reference(target, [](const Position&) { return 0.0; });
    const int shift = full.rank() - target.rank();
    for_each_position(full, [&](const Position& p) {
      Position q{};
      for (int axis = 0; axis < target.rank(); ++axis)
        q = with(q, axis, target[axis] == 1 ? 0 : p[std::size_t(axis) + std::size_t(shift)]);
      sums[q] += reference(x)[p];
    });
    CHECK(difference(sum_to(x, target), sums, kMostRoundings, kScale) == "");

    const Tensor small = Rng(7).normal(target);
    const auto repeated = reference(
        full, [&](const Position& p) { return broadcast_at(reference(small), p, full.rank()); });
    CHECK(difference(broadcast_to(small, full), repeated, 0) == "");
  }
  CHECK(difference(sum_to(zeros({0, 3}), {3}), zeros({3})) == "");
  CHECK(difference(sum_to(zeros({2, 0}), {2, 1}), zeros({2, 1})) == "");
  CHECK(broadcast_to(ones({1, 3}), {0, 3}).shape() == Shape{0, 3});
}

TEST_CASE("sum_to and broadcast_to refuse what does not fit") {
  CHECK(message_of<ShapeError>([] {
          sum_to(ones({2, 1}), {2, 3});
        }) == "sum_to: (2, 1) to (2, 3) given; the second must broadcast to the first");
  CHECK(message_of<ShapeError>([] {
          broadcast_to(ones({2, 3}), {2, 1});
        }) == "broadcast_to: (2, 3) to (2, 1) given; the first must broadcast to the second");
  CHECK_THROWS_AS(sum_to(ones({2, 3}), {2}), ShapeError);
  CHECK_THROWS_AS(broadcast_to(ones({2, 3}), {3}), ShapeError);
  CHECK_THROWS_AS(broadcast_to(ones({2}), {2, 3}), ShapeError);
}

}  // namespace
}  // namespace gradflow
