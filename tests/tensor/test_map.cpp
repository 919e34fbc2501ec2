// map, the one walk of all elementwise operations, in every pattern of broadcasting, against index
// arithmetic. The functions are not symmetric, so that exchanged operands are seen.

#include "tensor/map.h"

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/reference.h"

namespace gradflow {
using namespace kernel;  // what is tested here

namespace {

// Products and sums of whole numbers below 100: exact, so nothing needs a tolerance.
Tensor whole_numbers(const Shape& shape, std::uint64_t seed) {
  const std::vector<Index> drawn = Rng(seed).integers(100, shape.size());
  Tensor x(shape);
  if (x.size() > 0) std::copy(drawn.begin(), drawn.end(), x.mutable_data());
  return x;
}

const auto kTwo = [](auto a, auto b) { return 3 * a - b; };
const auto kThree = [](auto a, auto b, auto c) { return 3 * a - b + a * c; };

std::string check_two(const Shape& a, const Shape& b) {
  const Tensor x = whole_numbers(a, 1), y = whole_numbers(b, 2);
  const Reference px = reference(x), py = reference(y);
  const Shape shape = broadcast("test", a, b);
  const auto expected = reference(shape, [&](const Position& p) {
    return kTwo(broadcast_at(px, p, shape.rank()), broadcast_at(py, p, shape.rank()));
  });
  return difference(map("test", x, y, kTwo), expected, 0);
}

std::string check_three(const Shape& a, const Shape& b, const Shape& c) {
  const Tensor x = whole_numbers(a, 1), y = whole_numbers(b, 2), z = whole_numbers(c, 3);
  const Reference px = reference(x), py = reference(y), pz = reference(z);
  const Shape shape = broadcast("test", broadcast("test", a, b), c);
  const auto expected = reference(shape, [&](const Position& p) {
    return kThree(broadcast_at(px, p, shape.rank()), broadcast_at(py, p, shape.rank()),
                  broadcast_at(pz, p, shape.rank()));
  });
  return difference(map("test", x, y, z, kThree), expected, 0);
}

TEST_CASE("map with one operand") {
  for (const Shape& shape : {Shape{}, {1}, {7}, {33}, {0}, {3, 5}, {3, 0}, {2, 1, 3, 5}}) {
    const Tensor x = whole_numbers(shape, 1);
    Reference expected = reference(x);
    for (double& value : expected.values) value = 2 * value + 1;
    CHECK(difference(map("test", x, [](real v) { return 2 * v + 1; }), expected, 0) == "");
  }
}

TEST_CASE("map with two operands in the patterns that have names") {
  // The last axis longer than a vector register, shorter, and a whole number of them.
  for (const Index n : {1, 3, 8, 16, 37}) {
    CAPTURE(n);
    CHECK(check_two({5, n}, {5, n}) == "");  // same shape
    CHECK(check_two({5, n}, {n}) == "");     // row
    CHECK(check_two({5, n}, {1, n}) == "");
    CHECK(check_two({n}, {5, n}) == "");
    CHECK(check_two({5, n}, {5, 1}) == "");  // column
    CHECK(check_two({5, 1}, {5, n}) == "");
    CHECK(check_two({5, n}, {}) == "");  // scalar
    CHECK(check_two({}, {5, n}) == "");
    CHECK(check_two({5, n}, {1, 1}) == "");
    CHECK(check_two({5, 1}, {n}) == "");  // column and row: an outer product
    CHECK(check_two({n}, {5, 1}) == "");
    CHECK(check_two({}, {}) == "");
  }
}

// For each of three axes the operand has the full size, 1, or (for the first axes) no such axis.
std::vector<Shape> parts_of(const Shape& full) {
  std::vector<Shape> result;
  for (int ones = 0; ones < 1 << full.rank(); ++ones) {
    Shape shape = full;
    for (int axis = 0; axis < full.rank(); ++axis)
      if (ones >> axis & 1) shape = shape.with(axis, 1);
    result.push_back(shape);
    for (; shape.rank() > 0 && shape[0] == 1; result.push_back(shape)) shape = shape.without(0);
  }
  return result;
}

TEST_CASE("map with two operands and any mixture of repeated axes") {
  // In (2, 0, 5) no walk must start; in (3, 1, 4) an axis of size 1 is not a repeated one.
  for (const Shape& full : {Shape{2, 3, 5}, {3, 1, 4}, {2, 0, 5}, {2, 3, 2, 3}})
    for (const Shape& a : parts_of(full))
      for (const Shape& b : parts_of(full)) {
        CAPTURE(to_string(a), to_string(b));
        CHECK(check_two(a, b) == "");
      }
}

TEST_CASE("map with three operands and any mixture of repeated axes") {
  for (const Shape& full : {Shape{2, 3, 5}, {4, 9}})
    for (const Shape& a : parts_of(full))
      for (const Shape& b : parts_of(full))
        for (const Shape& c : parts_of(full)) {
          CAPTURE(to_string(a), to_string(b), to_string(c));
          CHECK(check_three(a, b, c) == "");
        }
}

Var slope_of_silu(const Var& x) {
  Tape tape;
  const Var at = tape.variable(x.value());
  return tape.backward(sum(silu(at)))[at].value();
}

// The vector form of exp, say, and the scalar one differ in the last bit. Which of them makes a
// number must not depend on where it stands, nor on how many stand beside it.
const struct {
  const char* name;
  Var (*f)(const Var&);
} kVectorised[] = {
    {"exp", exp},
    {"log", log},
    {"sin", sin},
    {"cos", cos},
    {"tanh", tanh},
    {"sigmoid", sigmoid},
    {"silu", silu},
    {"sqrt", sqrt},
    {"softplus", softplus},
    {"expm1", expm1},
    {"log1p", log1p},
    {"pow", [](const Var& x) { return pow(x, real(1.7)); }},
    {"normal_cdf", normal_cdf},
    {"gelu", gelu},
    {"selu", [](const Var& x) { return selu(-x); }},  // to the left it is not x itself
    {"elu", [](const Var& x) { return elu(-x); }},
    {"logsigmoid", logsigmoid},
    {"silu's slope", slope_of_silu}};

TEST_CASE("what a function makes of a number does not depend on its place") {
  const Tensor numbers = Rng(3).uniform({200}, real(0.01), 6);
  for (const auto& [name, f] : kVectorised)
    for (const real number : numbers.values()) {
      const real alone = f(Tensor({1}, number)).item();
      for (const Index n : {2, 3, 8, 9, 15, 16, 17, 31, 33, 100}) {
        CAPTURE(name, n, number, alone);
        REQUIRE(difference(f(Tensor({n}, number)), Tensor({n}, alone)) == "");
        REQUIRE(difference(f(Tensor({n, 3}, number)), Tensor({n, 3}, alone)) == "");
      }
    }
}

TEST_CASE("a view's numbers give what the whole's give") {
  const Tensor x = Rng(4).uniform({70}, real(0.01), 6);
  for (const auto& [name, f] : kVectorised) {
    const Tensor whole = f(x).value();
    for (Index begin = 0; begin <= 20; ++begin)
      for (const Index n : {1, 5, 16, 23, 50}) {
        CAPTURE(name, begin, n);
        REQUIRE(difference(f(x.rows(begin, begin + n)), whole.rows(begin, begin + n)) == "");
      }
  }
}

TEST_CASE("equal numbers share the gradient of their maximum and lie at their mean") {
  const Tensor numbers = Rng(5).uniform({50}, real(0.01), 6);
  for (const auto& [name, f] : kVectorised)
    for (const Index n : {2, 5, 16, 17, 33, 100})
      for (const real number : numbers.values()) {
        CAPTURE(name, n, number);
        Tape tape;
        const Var y = tape.variable(f(Tensor({n}, number)).value());
        const Tensor gradient = tape.backward(max(y))[y].value();
        REQUIRE(difference(gradient, Tensor({n}, 1 / real(n))) == "");
        REQUIRE(difference(y - mean(y), zeros({n})) == "");
      }
}

TEST_CASE("map gives empty results for empty operands") {
  const auto shape_of = [](const Shape& a, const Shape& b) {
    return map("test", zeros(a), zeros(b), kTwo).shape();
  };
  CHECK(shape_of({0}, {0}) == Shape{0});
  CHECK(shape_of({0}, {1}) == Shape{0});
  CHECK(shape_of({0, 3}, {3}) == Shape{0, 3});
  CHECK(shape_of({0, 1}, {1, 3}) == Shape{0, 3});
  CHECK(shape_of({}, {2, 0}) == Shape{2, 0});
}

TEST_CASE("map may be given the same tensor twice, and views") {
  const Tensor x = whole_numbers({4, 3}, 1);
  Reference twice = reference(x);
  for (double& value : twice.values) value *= 2;
  CHECK(difference(map("test", x, x, kTwo), twice, 0) == "");

  const Tensor rows = x.rows(1, 3);
  const Tensor copy(rows.shape(), rows.values());
  CHECK(difference(map("test", rows, x.rows(3, 4), kTwo), map("test", copy, x.rows(3, 4), kTwo)) ==
        "");
}

TEST_CASE("map names the operation in its error") {
  CHECK(message_of<ShapeError>([] {
          map("div", ones({2, 3}), ones({2}), kTwo);
        }) == "div: (2, 3) and (2) given; sizes must agree from the last axis on, or be 1");
  CHECK(message_of<ShapeError>([] { map("where", ones({2}), ones({2}), ones({3}), kThree); }) ==
        "where: (2) and (3) given; sizes must agree from the last axis on, or be 1");
}

}  // namespace
}  // namespace gradflow
