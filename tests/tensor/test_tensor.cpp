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
  for (const real end : {kInfinity, -kInfinity, std::numeric_limits<real>::quiet_NaN()}) {
    CHECK(message_of<ShapeError>([&] { linspace(0, end, 3); }) ==
          fmt::format("linspace: from 0 to {} given; both must be finite", end));
    CHECK(message_of<ShapeError>([&] { linspace(end, 1, 3); }) ==
          fmt::format("linspace: from {} to 1 given; both must be finite", end));
  }
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

// Views, too, whose elements begin in the middle of their storage.
TEST_CASE("what has been moved from is a tensor without elements") {
  const auto check_empty = [](const Tensor& x) {
    CHECK(x.shape() == Shape{0});
    CHECK(x.data() == nullptr);
    CHECK(x.owners() == 0);
    CHECK(x.values().empty());
    CHECK_THROWS_AS(x.at({0}), ShapeError);
    CHECK_THROWS_AS(x.item(), ShapeError);
    CHECK(difference(concat(std::vector<Tensor>{x, ones({2})}, 0), ones({2})) == "");
  };
  const Tensor all = counting({4, 3});
  const Tensor kinds[] = {counting({6}),  Tensor::scalar(7),    all,
                          all.rows(1, 3), all.reshaped({2, 6}), zeros({0, 3})};
  for (const Tensor& kind : kinds) {
    CAPTURE(to_string(kind));
    Tensor constructed_from = kind, assigned_from = kind, pushed_from = kind, caught_from = kind;
    const Tensor constructed = std::move(constructed_from);
    check_empty(constructed_from);
    CHECK(difference(constructed, kind) == "");

    Tensor assigned = counting({2, 2});
    assigned = std::move(assigned_from);
    check_empty(assigned_from);
    CHECK(difference(assigned, kind) == "");

    std::vector<Tensor> many;
    many.push_back(std::move(pushed_from));
    check_empty(pushed_from);
    CHECK(difference(many[0], kind) == "");

    const auto inside = [caught = std::move(caught_from)] { return caught; };
    check_empty(caught_from);
    CHECK(difference(inside(), kind) == "");

    // Given away, a tensor can be used again.
    assigned_from = kind;
    CHECK(difference(assigned_from, kind) == "");
    constructed_from = counting({2});
    constructed_from.mutable_data()[0] = 5;
    CHECK(difference(constructed_from, Tensor({2}, {5, 2})) == "");

    Tensor itself = kind;
    Tensor& same = itself;
    itself = std::move(same);
    CHECK(difference(itself, kind) == "");

    Tensor left = kind, right = counting({5});
    std::swap(left, right);
    CHECK(difference(left, counting({5})) == "");
    CHECK(difference(right, kind) == "");
  }
  CHECK(std::is_nothrow_move_constructible_v<Tensor>);  // else a growing vector would copy
  CHECK(std::is_nothrow_move_assignable_v<Tensor>);
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

TEST_CASE("sizes below 0 are refused by the name of what was asked for") {
  CHECK(message_of<ShapeError>([] {
          (void)counting({2, 3}).reshaped({2, -1});
        }) == "reshape: (2, -1) given; sizes are 0 or more");
  CHECK(message_of<ShapeError>([] {
          (void)counting({2}).reshaped({1, 1, 1, 1, 2});
        }) == "reshape: 5 axes given; at most 4 are supported");
  CHECK(message_of<ShapeError>([] { linspace(0, 1, -2); }) ==
        "linspace: count -2 given; 0 or more");
}

TEST_CASE("sizes that no memory can hold are refused by the name of what was asked for") {
  constexpr Index kHuge = (Index{1} << 58) + 1, kMany = Index{1} << 57;
  const std::string what =
      fmt::format(": (0, {}) given; more elements than any memory can hold", kHuge);
  const Tensor none = zeros({0, 3}), wide = zeros({0, kMany});
  CHECK(message_of<ShapeError>([&] { pad(none, 1, 0, kHuge); }) == "pad" + what);
  CHECK(message_of<ShapeError>([&] {
          scatter_add(none, {0, 1, 2}, kHuge, 1);
        }) == "scatter_add" + what);
  const Tensor parts[] = {wide, wide, zeros({0, 1})};
  CHECK(message_of<ShapeError>([&] { concat(parts, 1); }) == "concat" + what);
}

// No walk over an axis whose elements are none; and a shape on the way from (1, n) to (n, 1) must
// not be (n, n).
TEST_CASE("tensors without elements may have an axis of any size") {
  constexpr Index kHuge = Index{1} << 57;
  for (const Shape& shape : {Shape{0, kHuge}, {kHuge, 0}, {0, kHuge, 2}, {2, kHuge, 0}}) {
    CAPTURE(to_string(shape));
    const Tensor x = zeros(shape);
    CHECK(transpose(x).shape() == shape.exchanged(0, 1));
    CHECK(transpose(x, 0, -1).shape() == shape.exchanged(0, shape.rank() - 1));
    for (int axis = 0; axis < shape.rank(); ++axis) {
      CAPTURE(axis);
      CHECK(slice(x, axis, 0, shape[axis]).shape() == shape);
      CHECK(pad(x, axis, 0, shape[axis]).shape() == shape);
      CHECK(concat(std::vector<Tensor>{x}, axis).shape() == shape);
      if (shape[axis] > 2) continue;
      const std::vector<Index> all = shape[axis] ? std::vector<Index>{1, 0} : std::vector<Index>{};
      CHECK(gather(x, all, axis).shape() == shape);
      CHECK(scatter_add(x, all, shape[axis], axis).shape() == shape);
    }
  }
}

TEST_CASE("sizes whose sum is too large are refused") {
  const std::vector<Tensor> parts(64, zeros({Index{1} << 58, 0}));
  CHECK_THROWS_AS(concat(parts, 0), ShapeError);
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
  CHECK(message_of<ShapeError>([] { kernel::concat({}, 0); }) ==
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
  CHECK(difference(scatter_add(zeros({0, 2}), {}, 3), zeros({3, 2})) == "");
  CHECK(difference(scatter_add(zeros({2, 0}), {}, 0, 1), zeros({2, 0})) == "");
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
  CHECK(message_of<ShapeError>([&] {
          gather(zeros({0, 2}), {0});
        }) == "gather: 1 indices given for an axis of size 0; none are possible");
  for (const Index size : {-1, -3})
    for (const int axis : {0, 1}) {
      CHECK(message_of<ShapeError>([&] {
              scatter_add(zeros({0, 0}), {}, size, axis);
            }) == fmt::format("scatter_add: size {} given; 0 or more", size));
      CHECK_THROWS_AS(pad(zeros({0, 0}), axis, 0, size), ShapeError);
    }
}

TEST_CASE("a tensor is written with its shape, long ones shortened") {
  CHECK(to_string(Tensor({{1, 2}, {3, 4.5}})) == "(2, 2) [1, 2, 3, 4.5]");
  CHECK(to_string(Tensor::scalar(-1)) == "() [-1]");
  CHECK(to_string(Tensor()) == "(0) []");
  CHECK(to_string(counting({13})) == "(13) [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...]");
}

}  // namespace
}  // namespace gradflow
