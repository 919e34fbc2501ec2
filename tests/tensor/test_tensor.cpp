// Tensors are values: a copy never sees what happens to the original. And the rearrangements
// (transpose, slice, pad, concat, gather, scatter_add), against plain loops over positions.

#include "tensor/tensor.h"

#include <limits>
#include <numeric>
#include <utility>

#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/reference.h"

namespace gradflow {
using namespace kernel;  // what is tested here

namespace {

// Elements 1, 2, 3, ...: every one is different, so a misplaced one is seen.
Tensor counting(const Shape& shape) {
  Tensor x(shape);
  if (x.size() > 0) std::iota(x.mutable_data(), x.mutable_data() + x.size(), real{1});
  return x;
}

// Shapes that try every rank, axes of size 1, and no elements before, on and after an axis.
const Shape kShapes[] = {{1},       {5},       {2, 3},    {3, 1},       {1, 3},       {2, 3, 4},
                         {3, 1, 2}, {1, 2, 1}, {0},       {0, 3},       {2, 0},       {2, 0, 3},
                         {0, 2, 3}, {2, 3, 0}, {2, 3, 2}, {2, 3, 2, 3}, {2, 1, 3, 1}, {2, 2, 0, 2}};

TEST_CASE("construction") {
  CHECK(Tensor().shape() == Shape{0});
  const Tensor none;
  CHECK(none.values().empty());
  CHECK(Tensor::scalar(7).shape() == Shape{});
  CHECK(Tensor::scalar(7).item() == 7);

  const Tensor matrix({{1, 2, 3}, {4, 5, 6}});
  CHECK(matrix.shape() == Shape{2, 3});
  CHECK(difference(matrix, counting({2, 3})) == "");
  CHECK(difference(matrix, Tensor({2, 3}, {1, 2, 3, 4, 5, 6})) == "");
  CHECK(matrix.rows() == 2);
  CHECK(matrix.rank() == 2);
  CHECK(matrix.size() == 6);

  const std::vector<real> values{1, 2, 3};
  CHECK(difference(Tensor(Shape{3}, values), counting({3})) == "");
  CHECK(difference(Tensor(Shape{2, 2}, real{3}), Tensor({{3, 3}, {3, 3}})) == "");
  CHECK(difference(zeros({2, 1}), Tensor({2, 1}, {0, 0})) == "");
  CHECK(difference(ones({2}), Tensor({2}, {1, 1})) == "");
}

TEST_CASE("linspace is even and exact at both ends") {
  CHECK(difference(linspace(-1, 1, 5), Tensor({5}, {-1, -0.5, 0, 0.5, 1})) == "");
  CHECK(difference(linspace(3, 9, 1), Tensor({1}, {3})) == "");
  CHECK(linspace(3, 9, 0).shape() == Shape{0});
  const real first = real(0.1), last = real(0.7);
  for (Index n = 2; n < 200; ++n) {
    const Tensor x = linspace(first, last, n);
    REQUIRE(x.values().front() == first);
    REQUIRE(x.values().back() == last);
    const auto even = reference(x.shape(), [&](const Position& p) {
      return first + (double{last} - first) * double(p[0]) / double(n - 1);
    });
    REQUIRE(difference(x, even, 4, 1) == "");  // about four roundings, of numbers below 1
  }
}

TEST_CASE("wrong numbers of elements are refused") {
  CHECK(message_of<ShapeError>([] {
          Tensor(Shape{2, 2}, {1, 2, 3});
        }) == "Tensor: 3 values given for shape (2, 2); 4 are required");
  CHECK(message_of<ShapeError>([] {
          Tensor({{1, 2}, {3}});
        }) == "Tensor: rows of 2 and 1 elements given; all must be equal");
  CHECK(message_of<ShapeError>([] {
          Tensor({{1}, {2, 3}});
        }) == "Tensor: rows of 1 and 2 elements given; all must be equal");
}

TEST_CASE("single elements") {
  const Tensor x = counting({2, 3});
  CHECK(x.at({0, 0}) == 1);
  CHECK(x.at({1, 2}) == 6);
  CHECK(Tensor::scalar(3).at({}) == 3);
  CHECK(Tensor({{8}}).item() == 8);
  CHECK(message_of<ShapeError>([&] { (void)x.item(); }) ==
        "item: a tensor of shape (2, 3) given; one element is required");
  CHECK_THROWS_AS(Tensor().item(), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          (void)x.at({1, 3});
        }) == "at: position 3 on axis 1 of a tensor of shape (2, 3) given");
  CHECK(message_of<ShapeError>([&] { (void)x.at({1}); }) ==
        "at: 1 positions given for shape (2, 3); 2 are required");
  CHECK_THROWS_AS(x.at({-1, 0}), ShapeError);
  CHECK_THROWS_AS(x.at({0, 0, 0}), ShapeError);
}

TEST_CASE("a copy shares storage until one of the two is written to") {
  Tensor a = counting({2, 3});
  CHECK(a.owners() == 1);
  Tensor b = a;
  CHECK(b.data() == a.data());
  CHECK(a.owners() == 2);

  SECTION("writing to the copy leaves the original alone") {
    b.mutable_data()[0] = 100;
    CHECK(difference(a, counting({2, 3})) == "");
    CHECK(b.at({0, 0}) == 100);
    CHECK(b.at({1, 2}) == 6);  // the rest was copied
  }
  SECTION("writing to the original leaves the copy alone") {
    a.mutable_data()[5] = 100;
    CHECK(difference(b, counting({2, 3})) == "");
    CHECK(a.at({1, 2}) == 100);
  }
  SECTION("the last owner writes in place") {
    const real* const before = a.data();
    b = Tensor();
    CHECK(a.owners() == 1);
    CHECK(a.mutable_data() == before);
  }
  SECTION("assignment to itself changes nothing") {
    const Tensor& same = a;
    a = same;
    CHECK(difference(a, counting({2, 3})) == "");
  }
  SECTION("a move takes the storage along") {
    const real* const before = a.data();
    const Tensor c = std::move(a);
    CHECK(c.data() == before);
    CHECK(difference(c, counting({2, 3})) == "");
  }
}

TEST_CASE("reshaped keeps the elements in order and shares storage") {
  const Tensor x = counting({2, 6});
  Tensor y = x.reshaped({3, 4});
  CHECK(y.data() == x.data());
  CHECK(difference(y, counting({3, 4})) == "");
  CHECK(x.reshaped(Shape{1, 12}).shape() == Shape{1, 12});
  CHECK(Tensor::scalar(5).reshaped({1, 1}).shape() == Shape{1, 1});
  CHECK(Tensor({{5}}).reshaped(Shape{}).item() == 5);
  CHECK(Tensor().reshaped({0, 3}).shape() == Shape{0, 3});

  y.mutable_data()[0] = 100;
  CHECK(x.at({0, 0}) == 1);

  CHECK(message_of<ShapeError>([&] { (void)x.reshaped({5}); }) ==
        "reshape: (2, 6) to (5) given; the number of elements must stay 12");
  CHECK_THROWS_AS(x.reshaped({-2, -6}), ShapeError);
  CHECK_THROWS_AS(Tensor().reshaped({1}), ShapeError);
}

TEST_CASE("rows are a view that behaves like a copy") {
  Tensor x = counting({4, 3});
  Tensor middle = x.rows(1, 3);
  CHECK(middle.data() == x.data() + 3);  // no copy was made
  CHECK(difference(middle, Tensor({{4, 5, 6}, {7, 8, 9}})) == "");

  SECTION("writing to the view") {
    middle.mutable_data()[0] = 100;
    CHECK(difference(x, counting({4, 3})) == "");
    CHECK(difference(middle, Tensor({{100, 5, 6}, {7, 8, 9}})) == "");
  }
  SECTION("writing to the whole") {
    x.mutable_data()[3] = 100;
    CHECK(difference(middle, Tensor({{4, 5, 6}, {7, 8, 9}})) == "");
  }
  SECTION("the view outlives the whole") {
    x = Tensor();
    CHECK(difference(middle, Tensor({{4, 5, 6}, {7, 8, 9}})) == "");
    CHECK(middle.owners() == 1);
    middle.mutable_data()[5] = 100;
    CHECK(difference(middle.rows(1, 2), Tensor({{7, 8, 100}})) == "");
  }
  SECTION("views of views, empty views, vectors") {
    CHECK(difference(middle.rows(1, 2), Tensor({{7, 8, 9}})) == "");
    CHECK(x.rows(4, 4).shape() == Shape{0, 3});
    CHECK(x.rows(0, 4).shape() == Shape{4, 3});
    CHECK(zeros({0, 3}).rows(0, 0).shape() == Shape{0, 3});
    CHECK(difference(counting({5}).rows(2, 4), Tensor({2}, {3, 4})) == "");
  }
  SECTION("outside") {
    CHECK(message_of<ShapeError>([&] { (void)x.rows(2, 5); }) ==
          "rows: 2 to 5 of a tensor of shape (4, 3) given");
    CHECK_THROWS_AS(x.rows(3, 2), ShapeError);
    CHECK_THROWS_AS(x.rows(-1, 2), ShapeError);
    CHECK_THROWS_AS(Tensor::scalar(1).rows(0, 0), ShapeError);
  }
}

TEST_CASE("transpose exchanges any two axes") {
  for (const Shape& shape : kShapes) {
    const Tensor x = counting(shape);
    const Reference plain = reference(x);
    for (int a = 0; a < shape.rank(); ++a) {
      for (int b = 0; b < shape.rank(); ++b) {
        CAPTURE(to_string(shape), a, b);
        const auto expected = reference(shape.with(a, shape[b]).with(b, shape[a]), [&](Position p) {
          std::swap(p[std::size_t(a)], p[std::size_t(b)]);
          return plain[p];
        });
        CHECK(difference(transpose(x, a, b), expected, 0) == "");
        CHECK(difference(transpose(x, a - shape.rank(), b), expected, 0) == "");
      }
    }
  }
  CHECK(difference(transpose(Tensor({{1, 2}, {3, 4}})), Tensor({{1, 3}, {2, 4}})) == "");
  CHECK(message_of<ShapeError>([] { transpose(ones({3})); }) ==
        "transpose: axis 1 of a tensor of shape (3) given; it has 1 axes");
}

TEST_CASE("slice takes positions of an axis and pad puts them back") {
  for (const Shape& shape : kShapes) {
    const Tensor x = counting(shape);
    const Reference plain = reference(x);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      for (Index begin = 0; begin <= shape[axis]; ++begin) {
        for (Index end = begin; end <= shape[axis]; ++end) {
          CAPTURE(to_string(shape), axis, begin, end);
          const Tensor y = slice(x, axis, begin, end);
          const auto expected = reference(shape.with(axis, end - begin), [&](const Position& p) {
            return plain[with(p, axis, p[std::size_t(axis)] + begin)];
          });
          CHECK(difference(y, expected, 0) == "");
          CHECK(difference(slice(x, axis - shape.rank(), begin, end), expected, 0) == "");

          const auto kept = reference(shape, [&](const Position& p) {
            const Index i = p[std::size_t(axis)];
            return i >= begin && i < end ? plain[p] : 0;
          });
          CHECK(difference(pad(y, axis, begin, shape[axis]), kept, 0) == "");
          CHECK(difference(pad(y, axis - shape.rank(), begin, shape[axis]), kept, 0) == "");
        }
      }
    }
  }
}

TEST_CASE("slice and pad stay inside") {
  const Tensor x = counting({2, 3});
  CHECK(message_of<ShapeError>([&] { slice(x, 1, 2, 4); }) ==
        "slice: 2 to 4 on axis 1 of shape (2, 3) given");
  CHECK_THROWS_AS(slice(x, 0, -1, 1), ShapeError);
  CHECK_THROWS_AS(slice(x, 0, 2, 1), ShapeError);
  CHECK_THROWS_AS(slice(x, 2, 0, 1), ShapeError);
  CHECK_THROWS_AS(slice(Tensor::scalar(1), 0, 0, 1), ShapeError);
  CHECK(message_of<ShapeError>([&] { pad(x, 1, 2, 4); }) ==
        "pad: 3 positions from 2 on given; they must fit in 4");
  CHECK_THROWS_AS(pad(x, 0, -1, 5), ShapeError);
  CHECK_THROWS_AS(pad(x, 0, std::numeric_limits<Index>::max(), 5), ShapeError);
  CHECK_THROWS_AS(pad(x, -3, 0, 5), ShapeError);
}

TEST_CASE("a slice is a value") {
  const Tensor x = counting({3, 2});
  Tensor y = slice(x, 0, 1, 3);  // shares storage with x: whole rows are not copied
  y.mutable_data()[0] = 100;
  CHECK(difference(x, counting({3, 2})) == "");
}

TEST_CASE("concat puts parts one after another") {
  for (const Shape& shape : kShapes) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      CAPTURE(to_string(shape), axis);
      // Parts of 2, 0 and n positions: where n is 2 or more, of three different widths.
      const Tensor parts[] = {counting(shape.with(axis, 2)), counting(shape.with(axis, 0)),
                              counting(shape)};
      const Reference first = reference(parts[0]), last = reference(parts[2]);
      const auto expected = reference(shape.with(axis, 2 + shape[axis]), [&](const Position& p) {
        const Index i = p[std::size_t(axis)];
        return i < 2 ? first[p] : last[with(p, axis, i - 2)];
      });
      CHECK(difference(concat(parts, axis), expected, 0) == "");
      CHECK(difference(concat(parts, axis - shape.rank()), expected, 0) == "");
    }
  }
  const Tensor alone[] = {counting({2, 2})};
  CHECK(difference(concat(alone, 1), alone[0]) == "");
}

TEST_CASE("parts that do not fit are refused") {
  const Tensor parts[] = {ones({2, 3}), ones({2, 4})};
  CHECK(message_of<ShapeError>([&] { concat(parts, 0); }) ==
        "concat: (2, 3) and (2, 4) given; all axes but axis 0 must agree");
  const Tensor ranks[] = {ones({2, 3}), ones({2})};
  CHECK_THROWS_AS(concat(ranks, 0), ShapeError);
  CHECK_THROWS_AS(concat(parts, 2), ShapeError);
  CHECK(message_of<ShapeError>([] { concat({}, 0); }) ==
        "concat: no tensors given; at least one is required");
}

TEST_CASE("gather picks positions and scatter_add gives them back") {
  for (const Shape& shape : kShapes) {
    const Tensor x = counting(shape);
    const Reference plain = reference(x);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      CAPTURE(to_string(shape), axis);
      const Index n = shape[axis];
      // The last position twice, the first once, those between not at all.
      const std::vector<Index> indices =
          n ? std::vector<Index>{n - 1, 0, n - 1} : std::vector<Index>{};
      const auto picked = reference(shape.with(axis, std::ssize(indices)), [&](const Position& p) {
        return plain[with(p, axis, indices[std::size_t(p[std::size_t(axis)])])];
      });
      CHECK(difference(gather(x, indices, axis), picked, 0) == "");
      CHECK(difference(gather(x, indices, axis - shape.rank()), picked, 0) == "");

      // Small whole numbers: their sums are exact in either precision.
      const Tensor back = gather(x, indices, axis);
      Reference sums = reference(shape, [](const Position&) { return 0.0; });
      for_each_position(back.shape(), [&](const Position& p) {
        sums[with(p, axis, indices[std::size_t(p[std::size_t(axis)])])] += picked[p];
      });
      CHECK(difference(scatter_add(back, indices, n, axis), sums, 0) == "");
      CHECK(difference(scatter_add(back, indices, n, axis - shape.rank()), sums, 0) == "");
    }
  }
  CHECK(difference(scatter_add(Tensor({3}, {1, 2, 4}), {1, 1, 3}, 5),
                   Tensor({5}, {0, 3, 0, 4, 0})) == "");
}

TEST_CASE("indices are checked") {
  const Tensor x = counting({3, 2});
  CHECK(message_of<ShapeError>([&] {
          gather(x, {0, 3});
        }) == "gather: index 3 given; indices are 0 to 2");
  CHECK_THROWS_AS(gather(x, {-1}), ShapeError);
  CHECK_THROWS_AS(gather(x, {2}, 1), ShapeError);
  CHECK_THROWS_AS(gather(x, {0}, 2), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          scatter_add(x, {0, 1}, 4);
        }) == "scatter_add: 2 indices for 3 positions given; one for each");
  CHECK(message_of<ShapeError>([&] {
          scatter_add(x, {0, 1, 4}, 4);
        }) == "scatter_add: index 4 given; indices are 0 to 3");
  CHECK_THROWS_AS(scatter_add(x, {0, 1, -1}, 4), ShapeError);
}

TEST_CASE("a tensor is written with its shape, long ones shortened") {
  CHECK(to_string(Tensor({{1, 2}, {3, 4.5}})) == "(2, 2) [1, 2, 3, 4.5]");
  CHECK(to_string(Tensor::scalar(-1)) == "() [-1]");
  CHECK(to_string(Tensor()) == "(0) []");
  CHECK(to_string(counting({13})) == "(13) [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...]");
}

}  // namespace
}  // namespace gradflow
