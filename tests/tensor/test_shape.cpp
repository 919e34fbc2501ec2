// Shapes: sizes, names, and the broadcasting rule, case by case.

#include "tensor/shape.h"

#include <limits>

#include "tensor/error.h"
#include "tests/catch.h"

namespace gradflow {
namespace {

TEST_CASE("a shape knows its axes and the number of its elements") {
  CHECK(Shape{}.rank() == 0);
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{5}.size() == 5);
  CHECK(Shape{2, 3, 4, 5}.rank() == 4);
  CHECK(Shape{2, 3, 4, 5}.size() == 120);
  CHECK(Shape{2, 0, 4}.size() == 0);
  CHECK(Shape{2, 3}[0] == 2);
  CHECK(Shape{2, 3}[1] == 3);
}

TEST_CASE("shapes are equal if rank and all sizes are") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2} != Shape{2, 1});
  CHECK(Shape{} != Shape{1});
  CHECK(Shape{} != Shape{0});
  CHECK(Shape{2, 3, 4}.without(2) == Shape{2, 3});  // nothing of the third axis is left behind
}

TEST_CASE("a shape is written as a tuple") {
  CHECK(to_string(Shape{}) == "()");
  CHECK(to_string(Shape{7}) == "(7)");
  CHECK(to_string(Shape{128, 2}) == "(128, 2)");
  CHECK(to_string(Shape{1, 0, 3, 4}) == "(1, 0, 3, 4)");
}

TEST_CASE("one axis changed, one removed") {
  const Shape shape{2, 3, 4};
  CHECK(shape.with(0, 7) == Shape{7, 3, 4});
  CHECK(shape.with(2, 0) == Shape{2, 3, 0});
  CHECK(shape.without(0) == Shape{3, 4});
  CHECK(shape.without(1) == Shape{2, 4});
  CHECK(shape.exchanged(0, 2) == Shape{4, 3, 2});
  CHECK(shape.exchanged(2, 1) == Shape{2, 4, 3});
  CHECK(shape.exchanged(1, 1) == shape);
  CHECK(Shape{9}.without(0) == Shape{});
  CHECK(shape == Shape{2, 3, 4});  // all of these were copies
}

TEST_CASE("impossible shapes are refused") {
  CHECK(message_of<ShapeError>([] {
          Shape{2, -1};
        }) == "Shape: (2, -1) given; sizes are 0 or more");
  for (const Index size : {Index{-1}, Index{-3}, std::numeric_limits<Index>::min()})
    for (const int axis : {0, 1, 2}) {
      CAPTURE(size, axis);
      CHECK_THROWS_AS((Shape{2, 3, 4}).with(axis, size), ShapeError);
      CHECK_THROWS_AS((Shape{0, 0, 0}).with(axis, size), ShapeError);
    }
  CHECK(message_of<ShapeError>([] {
          Shape{1, 1, 1, 1, 1};
        }) == "Shape: 5 axes given; at most 4 are supported");
  constexpr Index kHuge = Index{1} << 32;
  CHECK(message_of<ShapeError>([] {
          Shape{kHuge, kHuge};
        }) == "Shape: (4294967296, 4294967296) given; more elements than any memory can hold");
  CHECK_THROWS_AS((Shape{kHuge, 0, kHuge}), ShapeError);  // without its 0 it would be too large
  CHECK_THROWS_AS((Shape{(Index{1} << 58) + 1}), ShapeError);
  CHECK_THROWS_AS((Shape{kHuge, 1}).with(1, kHuge), ShapeError);
  CHECK(message_of<ShapeError>([] {
          broadcast("add", {kHuge, 1}, {1, kHuge});
        }) == "add: (4294967296, 4294967296) given; more elements than any memory can hold");
  CHECK((Shape{Index{1} << 58}).size() == Index{1} << 58);
}

TEST_CASE("broadcasting lines shapes up at their last axes") {
  struct Row {
    Shape a, b, result;
  };
  const Row rows[] = {
      {{2, 3}, {2, 3}, {2, 3}},           // the same
      {{2, 3}, {3}, {2, 3}},              // a row
      {{2, 3}, {1, 3}, {2, 3}},           //
      {{2, 3}, {2, 1}, {2, 3}},           // a column
      {{2, 3}, {}, {2, 3}},               // a scalar
      {{2, 3}, {1}, {2, 3}},              //
      {{3}, {2, 1}, {2, 3}},              // both are repeated
      {{2, 1, 3}, {4, 1}, {2, 4, 3}},     //
      {{1, 3, 1}, {2, 1, 5}, {2, 3, 5}},  //
      {{5}, {2, 3, 4, 5}, {2, 3, 4, 5}},  //
      {{0, 3}, {3}, {0, 3}},              // no elements
      {{1, 3}, {0, 1}, {0, 3}},           // 1 is repeated to 0, too
      {{}, {}, {}},
      {{}, {0}, {0}},
  };
  for (const Row& row : rows) {
    CHECK(broadcast("add", row.a, row.b) == row.result);
    CHECK(broadcast("add", row.b, row.a) == row.result);
  }
}

TEST_CASE("shapes that cannot be lined up are refused by name") {
  CHECK(message_of<ShapeError>([] {
          broadcast("mul", {2, 3}, {2});
        }) == "mul: (2, 3) and (2) given; sizes must agree from the last axis on, or be 1");
  CHECK(message_of<ShapeError>([] { broadcast("sub", {4}, {3}); }) ==
        "sub: (4) and (3) given; sizes must agree from the last axis on, or be 1");
  CHECK_THROWS_AS(broadcast("add", {2, 3, 4}, {2, 1, 3}), ShapeError);
  CHECK_THROWS_AS(broadcast("add", {0}, {2}), ShapeError);  // only 1 is repeated
}

TEST_CASE("a negative axis counts from the end") {
  const Shape shape{2, 3, 4};
  for (const int axis : {0, 1, 2}) {
    CHECK(checked_axis("sum", axis, shape) == axis);
    CHECK(checked_axis("sum", axis - 3, shape) == axis);
  }
  CHECK(message_of<ShapeError>([&] { checked_axis("sum", 3, shape); }) ==
        "sum: axis 3 of a tensor of shape (2, 3, 4) given; it has 3 axes");
  CHECK_THROWS_AS(checked_axis("sum", -4, shape), ShapeError);
  CHECK_THROWS_AS(checked_axis("sum", 0, Shape{}), ShapeError);
  CHECK_THROWS_AS(checked_axis("sum", -1, Shape{}), ShapeError);
}

}  // namespace
}  // namespace gradflow
