// Both ways to multiply matrices, the small one and BLAS, against the plain triple loop: that loop,
// below, is the definition.

#include "tensor/matmul.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include "autograd/ops.h"
#include "tensor/error.h"
#include "tensor/kernels/arithmetic.h"
#include "tensor/kernels/gemm.h"
#include "tensor/kernels/multiply_add.h"
#include "tensor/map.h"
#include "tensor/random.h"
#include "tensor/reduce.h"
#include "tensor/threads/parallel.h"
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

// A sum of k products and a bias, in any order: each term goes through at most k + 1 roundings; of
// a long one, whose parts are added in a wider type, through those of its part.
std::string check(const Tensor& C, const Product& expected, Index k) {
  if (C.shape() != expected.C.shape) return "shape " + to_string(C.shape());
  for (std::size_t i = 0; i < expected.size.size(); ++i)
    if (!close(C.values()[i], expected.C.values[i], double(std::min(k, kLongestSum) + 2),
               expected.size[i]))
      return fmt::format("element {} is {}, expected {}", i, C.values()[i], expected.C.values[i]);
  return "";
}

// An arithmetic, and who multiplies, for the rest of a scope.
class With {
 public:
  explicit With(Arithmetic how, Products who = Products::fastest)
      : arithmetic_(arithmetic()), products_(products()) {
    set_arithmetic(how);
    set_products(who);
  }
  ~With() {
    set_arithmetic(arithmetic_);
    set_products(products_);
  }
  With(const With&) = delete;
  With& operator=(const With&) = delete;

 private:
  Arithmetic arithmetic_;
  Products products_;
};

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

// One float after another, a million times 0.1 is 100958, and here no term is smaller than another.
TEST_CASE("long sums of products keep their digits") {
  const auto check_long = [](Index m, Index k, Index n) {
    CAPTURE(k, m, n, products());
    const Tensor A({m, k}, real(0.1)), B = ones({k, n}), bias({n}, 7);
    const double exact = double(real(0.1)) * double(k);
    const Tensor expected({m, n}, real(exact)), with_bias({m, n}, real(exact + 7));
    const double roundings = 1024 / 2;  // about half of them round down, say
    CHECK(difference(matmul(A, B), reference(expected), roundings) == "");
    CHECK(difference(matmul(transpose(A), B, Trans::yes), reference(expected), roundings) == "");
    CHECK(difference(affine(A, transpose(B), bias), reference(with_bias), roundings) == "");
  };
  for (const Products who : {Products::ours, Products::fastest}) {  // the library has its own parts
    const With multiplied_by(arithmetic(), who);
    for (const Index k : {1023, 1024, 1025, 2048, 100'000, 1'000'000})
      for (const auto& [m, n] : {std::pair<Index, Index>{1, 1}, {1, 2}, {3, 1}, {2, 5}})
        check_long(m, k, n);
  }
}

// The gradient of a bias is one.
TEST_CASE("sums of rows are exact up to a few roundings and the same for every row") {
  for (const Index rows : {1, 2, 3, 4, 5, 7, 8, 9, 17})
    for (const Index columns : {0, 1, 3, 4, 8, 15, 16, 63, 64, 65, 127, 128, 129, 1000, 100'000}) {
      CAPTURE(rows, columns);
      const Tensor row = Rng(7).uniform({1, columns}, 1, 2), x = broadcast_to(row, {rows, columns});
      Tensor sums({rows});
      sum_rows(x.data(), rows, columns, sums.mutable_data());
      double exact = 0;
      for (const real v : row.values()) exact += double{v};
      const double allowed = sizeof(real) == sizeof(float) ? 4 : 4 + double(columns) / 2048;
      CHECK(difference(sums, reference(sum(x, 1)), allowed) == "");
      CHECK(close(sums.at({0}), exact, allowed + double(columns) * 1e-16 / kEps));
      CHECK(difference(sums, Tensor({rows}, sums.at({0}))) == "");
    }
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

// --- Whose bits are fixed ----------------------------------------------------------------------

// One sum for each element, from the bias on and in the order of k.
Tensor in_order(Arithmetic how, const Tensor& A, const Tensor& B, const Tensor& bias) {
  const Index m = A.shape()[0], k = A.shape()[1], n = B.shape()[1];
  Tensor C({m, n});
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      real sum = bias.data()[j];
      for (Index p = 0; p < k; ++p) {
        const real a = A.data()[i * k + p], b = B.data()[p * n + j];
        const real product = a * b;
        sum = how == Arithmetic::fused ? std::fma(a, b, sum) : product + sum;
      }
      C.mutable_data()[i * n + j] = sum;
    }
  return C;
}

// However many columns there are, and so however the product is cut into vectors. (With a step of
// B's along its rows of 1: products of a few rows or columns with others have sums of their own.)
TEST_CASE("a product's bits are those of one sum after another, in both arithmetics") {
  Rng rng(4);
  for (const Arithmetic how : {Arithmetic::fused, Arithmetic::portable}) {
    const With arithmetic(how);
    for (const Index m : {1, 2, 5, 8, 17, 40})
      for (const Index n : {2, 3, 5, 7, 8, 9, 15, 16, 31, 33, 64, 100})
        for (const Index k : {0, 1, 7, 64, 130}) {
          CAPTURE(name_of(how), m, n, k);
          const Tensor A = rng.normal({m, k}), B = rng.normal({k, n}), bias = rng.normal({n});
          const Bias columns{Bias::Kind::per_column, bias.data()};
          REQUIRE(difference(product(A, B, false, false, columns), in_order(how, A, B, bias)) ==
                  "");
        }
  }
}

TEST_CASE("a product's epilogue is that of its sum, however few columns there are") {
  Rng rng(6);
  for (const Index n : {1, 3, 5, 7, 9, 20}) {
    const Tensor A = rng.normal({6, 10}), B = rng.normal({10, n}), h = rng.normal({6, n});
    const Tensor plain = product(A, B, false, false);
    const auto leaky = [](real v) { return v > 0 ? v : v * real(0.25); };
    const auto gradient = [](real v, real s) { return s > 0 ? v : v * real(0.25); };
    CHECK(difference(product(A, B, false, false, {}, {Epilogue::Kind::leaky_relu, real(0.25)}),
                     map("leaky", plain, leaky)) == "");
    CHECK(difference(product(A, B, false, false, {},
                             {Epilogue::Kind::leaky_relu_gradient, real(0.25), h.data()}),
                     map("gradient", plain, h, gradient)) == "");
  }
}

// 1 + e, squared, is 1 + 2 e + e^2: the last term is lost where the product is rounded first.
TEST_CASE("the two arithmetics are told apart by what a product's rounding loses") {
  const real e = std::numeric_limits<real>::epsilon();
  const Tensor A({8, 1}, 1 + e), B({1, 16}, 1 + e), bias({16}, -(1 + 2 * e));
  const Bias columns{Bias::Kind::per_column, bias.data()};
  const auto result = [&](Arithmetic how) {
    const With arithmetic(how);
    return product(A, B, false, false, columns);
  };
  CHECK(difference(result(Arithmetic::fused), Tensor({8, 16}, e * e)) == "");
  CHECK(difference(result(Arithmetic::portable), zeros({8, 16})) == "");
}

TEST_CASE("large products are left to the library only if that is allowed, and it is known") {
  const Tensor A = Rng(1).normal({4100, 600}), B = Rng(2).normal({600, 20});
  {
    const With ours(arithmetic(), Products::ours);
    CHECK(difference(matmul(A, B), in_order(arithmetic(), A, B, zeros({20}))) == "");
  }
  {
    const With fastest(arithmetic(), Products::fastest);
    const Tensor C = matmul(A, B);
    CHECK(library_has_multiplied() == !blas_info().config.empty());
    CHECK(check(C, plain_product(A, B, zeros({})), 600) == "");
  }
}

// Floats of all sizes, so that products and sums are rounded up and down, cancel, and leave the
// range of numbers.
TEST_CASE("multiply-add in software is that of the processor or of the C library", "[slow]") {
  for (std::uint32_t i = 0; i < 300'000; ++i) {
    const auto block = philox({i, 0, 0, 0}, {3, 5});
    float x[3];
    for (std::size_t k = 0; k < 3; ++k) {
      const auto fraction = static_cast<float>(block[k] >> 8) + 1;
      const int exponent = static_cast<int>(block[3] >> (8 * k) & 255) % (i % 2 ? 12 : 150);
      x[k] = std::ldexp(block[k] & 1 ? fraction : -fraction, exponent - (i % 2 ? 30 : 100));
    }
    if (i % 5 == 0) x[2] = -x[0] * x[1];  // what is left is the product's rounding error
    const float ours = software_fma(x[0], x[1], x[2]), exact = std::fma(x[0], x[1], x[2]);
    CAPTURE(x[0], x[1], x[2], ours, exact);
    REQUIRE(std::memcmp(&ours, &exact, sizeof ours) == 0);
  }
  // c + a b is 2^-70 beside the middle between two floats: nearer to the one or to the other.
  const float low = 1 - 0x1p-23f, high = 1 + 0x1p-23f;
  for (int exponent = -20; exponent <= 20; ++exponent)
    for (const float c : {1.f, 1 + 0x1p-23f, 1 + 0x1p-22f, -1.f, -1 - 0x1p-23f, -1 - 0x1p-22f})
      for (const float sign : {1.f, -1.f}) {
        const float a = sign * std::ldexp(low, exponent - 24), of = std::ldexp(c, exponent);
        CAPTURE(a, of);
        CHECK(software_fma(a, high, of) == std::fma(a, high, of));
      }
  constexpr float kInf = std::numeric_limits<float>::infinity();
  CHECK(software_fma(3e38f, 2.f, 1.f) == kInf);
  CHECK(software_fma(3e38f, 2.f, -3e38f) == 3e38f);
  CHECK(std::isnan(software_fma(kInf, 0.f, 1.f)));
  CHECK(std::isnan(software_fma(kInf, 1.f, -kInf)));
}

// With the pthread build of OpenBLAS two sets of threads fight for the processors.
TEST_CASE("the library for large products is OpenBLAS in its OpenMP build, or none") {
  const BlasInfo blas = blas_info();
  if (blas.config.empty()) {
    CHECK(blas.core.empty());
    CHECK_FALSE(blas.openmp);
  } else {
    CHECK(blas.openmp);
    CHECK(contains(blas.config, "OpenBLAS"));
    CHECK_FALSE(blas.core.empty());
  }
}

TEST_CASE("a library that does not know the processor is reported with the remedy") {
  CHECK(
      blas_advice("Prescott", true, false) ==
      "gradflow: OpenBLAS takes this processor for a Prescott, so that large matrix products take "
      "about four times as long as they need; hint: set OPENBLAS_CORETYPE=Haswell before the "
      "program starts");
  CHECK(contains(blas_advice("Prescott", true, true), "OPENBLAS_CORETYPE=SkylakeX"));
  CHECK(fitting_core("Prescott", true, true) == "SkylakeX");
  CHECK(fitting_core("Prescott", true, false) == "Haswell");
  CHECK(fitting_core("Prescott", false, false) == "Prescott");
  CHECK(fitting_core("Zen", true, true) == "Zen");
  CHECK(blas_advice("Prescott", false, false).empty());  // it may be one
  for (const char* core : {"Haswell", "SkylakeX", "Zen", "Cooperlake", "Sandybridge", "ARMV8", ""})
    CHECK(blas_advice(core, true, true).empty());
}

// Run by the next test, in a process of its own.
TEST_CASE("a large product on two threads", "[.blas_child]") {
  set_threads(2);
  const Tensor A = ones({2100, 1000}), B = ones({1000, 20});
  parallel_for(4, [&](Index) {
    if (matmul(A, B).at({0, 0}) != 1000) std::abort();
  });
  CHECK(matmul(A, B).at({2099, 19}) == 1000);
}

TEST_CASE("what is wrong with the library is said once") {
  const auto said = [](const char* core) {
    const std::string command =
        fmt::format("OPENBLAS_CORETYPE={} '{}' '[.blas_child]' 2>&1", core,
                    std::filesystem::read_symlink("/proc/self/exe").string());
    FILE* const pipe = popen(command.c_str(), "r");
    REQUIRE(pipe);
    std::string text;
    for (int c; (c = std::fgetc(pipe)) != EOF;) text += char(c);
    CHECK(pclose(pipe) == 0);
    Index count = 0;
    for (std::size_t at = 0; (at = text.find("OPENBLAS_CORETYPE=", at)) != std::string::npos; ++at)
      ++count;
    return count;
  };
#if defined(__x86_64__)
  const bool capable = __builtin_cpu_supports("avx2");
#else
  const bool capable = false;
#endif
  CHECK(said("Prescott") == (capable && !blas_info().config.empty() ? 1 : 0));
  if (capable) CHECK(said("Haswell") == 0);
}

}  // namespace
}  // namespace gradflow
