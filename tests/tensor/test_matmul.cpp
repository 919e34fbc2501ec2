// Both ways to multiply matrices, the small one and BLAS, against the plain triple loop: that loop,
// below, is the definition.

#include "tensor/matmul.h"

#include <limits>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/map.h"
#include "tensor/random.h"
#include "tests/blas_info.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/reference.h"

namespace gradflow {
using namespace kernel;  // what is tested here

namespace {

// C = A B + bias in double, and the sum of |terms|, to which rounding errors are proportional.
struct Product {
  Reference C;
  std::vector<double> size;
};

// bias: (n), or (m, 1), or a scalar
Product plain_product(const Tensor& A, const Tensor& B, const Tensor& bias) {
  const Index m = A.shape()[0], k = A.shape()[1], n = B.shape()[1];
  Product result{{{m, n}, {}}, {}};
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      double sum = broadcast_at(reference(bias), {i, j}, 2), size = std::abs(sum);
      for (Index p = 0; p < k; ++p) {
        const double term = double{A.data()[i * k + p]} * double{B.data()[p * n + j]};
        sum += term;
        size += std::abs(term);
      }
      result.C.values.push_back(sum);
      result.size.push_back(size);
    }
  return result;
}

// A sum of k products and a bias, in any order: each term goes through at most k + 1 roundings.
std::string check(const Tensor& C, const Product& expected, Index k) {
  if (C.shape() != expected.C.shape) return "shape " + to_string(C.shape());
  for (std::size_t i = 0; i < expected.size.size(); ++i)
    if (!close(C.values()[i], expected.C.values[i], double(k + 1), expected.size[i]))
      return fmt::format("element {} is {}, expected {}", i, C.values()[i], expected.C.values[i]);
  return "";
}

// A product by gemm(), with views of any kind.
Tensor product(const Tensor& A, const Tensor& B, bool ta, bool tb, const Bias& bias = {},
               const Epilogue& epilogue = {}) {
  const auto view = [](const Tensor& x, bool transposed) {
    const Index columns = x.shape()[1];
    return MatrixView{x.data(), transposed ? 1 : columns, transposed ? columns : 1};
  };
  Tensor C({A.shape()[ta], B.shape()[!tb]});
  gemm(C.shape()[0], C.shape()[1], A.shape()[!ta], view(A, ta), view(B, tb), bias, C.mutable_data(),
       epilogue);
  return C;
}

// Every way to ask for the same product, without a bias and with one.
std::string check_all(Index m, Index k, Index n) {
  constexpr auto no = Trans::no, yes = Trans::yes;
  Rng rng(1);
  const Tensor A = rng.uniform({m, k}, -1, 1), B = rng.uniform({k, n}, -1, 1);
  const Tensor At = transpose(A), Bt = transpose(B);
  const Tensor bias = rng.uniform({n}, -1, 1);
  const Tensor row_bias = rng.uniform({m, 1}, -1, 1);
  const Product plain = plain_product(A, B, zeros({})), biased = plain_product(A, B, bias);
  const Product row_biased = plain_product(A, B, row_bias);
  const Bias columns{Bias::Kind::per_column, bias.data()},
      rowwise{Bias::Kind::per_row, row_bias.data()};
  const struct {
    const char* name;
    Tensor C;
    const Product& expected;
  } rows[] = {
      {"matmul A B", matmul(A, B), plain},
      {"matmul A^T B", matmul(At, B, yes, no), plain},
      {"matmul A B^T", matmul(A, Bt, no, yes), plain},
      {"matmul A^T B^T", matmul(At, Bt, yes, yes), plain},
      {"affine", affine(A, Bt, bias), biased},
      {"gemm A B", product(A, B, false, false), plain},
      {"gemm A^T B", product(At, B, true, false), plain},
      {"gemm A B^T", product(A, Bt, false, true), plain},
      {"gemm A^T B^T", product(At, Bt, true, true), plain},
      {"gemm A B + bias", product(A, B, false, false, columns), biased},
      {"gemm A^T B + bias", product(At, B, true, false, columns), biased},
      {"gemm A B^T + bias", product(A, Bt, false, true, columns), biased},
      {"gemm A^T B^T + bias", product(At, Bt, true, true, columns), biased},
      {"gemm A B + row bias", product(A, B, false, false, rowwise), row_biased},
      {"gemm A^T B + row bias", product(At, B, true, false, rowwise), row_biased},
      {"gemm A B^T + row bias", product(A, Bt, false, true, rowwise), row_biased},
  };
  for (const auto& row : rows)
    if (const std::string wrong = check(row.C, row.expected, k); !wrong.empty())
      return fmt::format("{} ({}, {}, {}): {}", row.name, m, k, n, wrong);
  return "";
}

// Around the sizes of registers and tiles: a few rows, 4 or 8 numbers, two vectors of them.
TEST_CASE("matrix products of many sizes") {
  const Index sizes[] = {0, 1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 33, 64, 65, 130};
  for (const Index m : sizes)
    for (const Index k : sizes)
      for (const Index n : sizes) REQUIRE(check_all(m, k, n) == "");
}

// Where strips of B are copied; and where A is large enough for BLAS.
TEST_CASE("matrix products of large sizes") {
  for (const Index m : {17, 100, 257})
    for (const Index k : {129, 200})
      for (const Index n : {131, 256}) CHECK(check_all(m, k, n) == "");
  CHECK(check_all(1500, 1401, 17) == "");
}

// The epilogues only choose and scale, so they give the same bits as what they are made of.
TEST_CASE("a product with an activation on the way is the product, then the activation") {
  constexpr real kSlope = real(0.25);
  for (const Index m : {1, 4, 7, 19, 130})
    for (const Index k : {1, 3, 16, 150})
      for (const Index n : {1, 3, 8, 15, 21, 130})
        for (const bool tb : {false, true}) {
          CAPTURE(m, k, n, tb);
          Rng rng(6);
          const Tensor A = rng.normal({m, k}), B = rng.normal(tb ? Shape{n, k} : Shape{k, n});
          const Tensor h = rng.normal({m, n});
          const Tensor plain = product(A, B, false, tb);
          const Tensor up = product(A, B, false, tb, {}, {Epilogue::Kind::leaky_relu, kSlope});
          const Tensor down =
              product(A, B, false, tb, {}, {Epilogue::Kind::leaky_relu_gradient, kSlope, h.data()});
          REQUIRE(difference(up, leaky_relu(plain, kSlope).value()) == "");
          const auto by_sign = [](real v, real s) { return s > 0 ? v : kSlope * v; };
          REQUIRE(difference(down, map("test", plain, h, by_sign)) == "");
        }
}

Tensor eye(Index n) {
  Tensor result = zeros({n, n});
  for (Index i = 0; i < n; ++i) result.mutable_data()[i * n + i] = 1;
  return result;
}

TEST_CASE("products known by heart") {
  const Tensor A({{1, 2}, {3, 4}, {5, 6}}), B({{1, 0, 2}, {0, 1, 3}});
  CHECK(difference(matmul(A, B), Tensor({{1, 2, 8}, {3, 4, 18}, {5, 6, 28}})) == "");
  CHECK(difference(matmul(A, A, Trans::yes), Tensor({{35, 44}, {44, 56}})) == "");
  CHECK(difference(matmul(B, B, Trans::no, Trans::yes), Tensor({{5, 6}, {6, 10}})) == "");
  CHECK(difference(matmul(A, eye(2)), A) == "");
  CHECK(difference(affine(A, B.reshaped({3, 2}), Tensor({3}, {10, 20, 30})),
                   Tensor({{11, 22, 37}, {13, 26, 45}, {15, 30, 53}})) == "");
  // No terms: zeros, or the bias alone.
  CHECK(difference(matmul(ones({2, 0}), ones({0, 3})), zeros({2, 3})) == "");
  CHECK(difference(affine(ones({2, 0}), ones({1, 0}), Tensor({1}, {7})), Tensor({{7}, {7}})) == "");
}

TEST_CASE("a product's rows do not depend on the rest of the batch") {
  // With a small batch and at BLAS size, a view of rows is multiplied like a copy of them.
  const Tensor A = Rng(2).normal({1800, 1400}), B = Rng(3).normal({1400, 20});
  for (const Index rows : {3, 100, 1700}) {
    const Tensor view = A.rows(1750 - rows, 1750);
    CHECK(difference(matmul(view, B), matmul(Tensor(view.shape(), view.values()), B)) == "");
  }
}

TEST_CASE("a product is the same bits each time") {
  for (const Index n : {20, 150, 1500}) {
    const Tensor A = Rng(4).normal({n, n}), B = Rng(5).normal({n, 20});
    const Tensor first = matmul(A, B);
    for (int repeat = 0; repeat < 5; ++repeat) CHECK(difference(matmul(A, B), first) == "");
  }
}

TEST_CASE("NaN and infinity go through a product") {
  for (const Index n : {3, 150}) {
    Tensor A = ones({n, n});
    A.mutable_data()[1] = std::numeric_limits<real>::quiet_NaN();
    A.mutable_data()[n] = std::numeric_limits<real>::infinity();
    const Tensor C = matmul(A, eye(n));  // inf * 0 is NaN, too
    CHECK(std::isnan(C.at({0, 0})));
    CHECK(C.at({1, 0}) == std::numeric_limits<real>::infinity());
    CHECK(std::isnan(C.at({1, 1})));
    CHECK(C.at({2, 2}) == 1);
  }
}

TEST_CASE("products that do not exist are refused") {
  CHECK(message_of<ShapeError>([] {
          matmul(ones({2, 3}), ones({2, 3}));
        }) == "matmul: (2, 3) and (2, 3) given; (m, k) and (k, n) are required");
  CHECK(message_of<ShapeError>([] {
          matmul(ones({2, 3}), ones({3, 4}), Trans::yes);
        }) == "matmul: (2, 3)^T and (3, 4) given; (m, k) and (k, n) are required");
  CHECK_THROWS_AS(matmul(ones({3}), ones({3, 2})), ShapeError);
  CHECK_THROWS_AS(matmul(ones({2, 3}), ones({3})), ShapeError);
  CHECK_THROWS_AS(matmul(ones({1, 2, 3}), ones({3, 2})), ShapeError);
  CHECK(message_of<ShapeError>([] {
          affine(ones({2, 3}), ones({4, 2}), ones({4}));
        }) == "linear: x (2, 3) and W (4, 2) given; x (B, in) and W (out, in) are required");
  CHECK(message_of<ShapeError>([] {
          affine(ones({2, 3}), ones({4, 3}), ones({3}));
        }) == "linear: b (3) given for W (4, 3); b (4) is required");
}

// With the pthread build of OpenBLAS two sets of threads fight for the processors.
TEST_CASE("BLAS is OpenBLAS in its OpenMP build") {
  CHECK(blas_info().openmp);
  CHECK(contains(blas_info().config, "OpenBLAS"));
  CHECK_FALSE(blas_info().core.empty());
}

}  // namespace
}  // namespace gradflow
