// Products of small matrices.
//
// Library BLAS is built for large matrices: at 128 x 8 x 8, the size of a small network's layer, it
// spends most of its time on set-up, and what a layer does besides (bias, activation) takes passes
// of its own over memory. This one has no set-up and does both while the results are in registers.
//
// The one idea: keep a small tile of C in registers and stream over k. Each step loads one or two
// vectors of B's row and, for each row of the tile, repeats one number of A in all lanes,
// multiplies and adds. Each element of C is one sum, from its bias on and in the order of k,
// whatever the tile's size: its bits do not depend on how wide the processor's vectors are. A tile
// of 8 rows x 2 vectors (of 6 x 2 where there are 16 registers) has enough independent sums to hide
// the latency of the multiply-add units, and few enough for all of them to stay in registers.

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "tensor/kernels/buffer.h"
#include "tensor/kernels/gemm_parts.h"
#include "tensor/kernels/multiply_add.h"

namespace gradflow {
namespace {

// Bytes that the processor keeps in one register: in each, and in the widest. (A wider vector would
// be cut up by the compiler, and badly: such products were 55 times slower.)
#if defined(__AVX512F__)
constexpr int kVectorBytes = 32, kWideBytes = 64, kRegisters = 32;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32, kWideBytes = 32, kRegisters = 16;
#else
constexpr int kVectorBytes = 16, kWideBytes = 16, kRegisters = 16;
#endif
typedef real Vector __attribute__((vector_size(kVectorBytes)));
typedef real Wide __attribute__((vector_size(kWideBytes)));

constexpr int kLanes = kVectorBytes / sizeof(real);
constexpr int kWideLanes = kWideBytes / sizeof(real);
constexpr int kWidest = 4 * kLanes;   // strip of columns
constexpr Index kFew = 64;            // rows of B, a copy of which needs no memory but the stack
constexpr real kZeros[kWidest] = {};  // the bias of a product without one

// As long as A stays in the caches this product is as fast as BLAS or faster: it does less before
// the first multiplication, and bias and activation on the way. BLAS also cuts A into blocks.
constexpr Index kMostOfA = 1 << 21;

// From and to anywhere: numbers in memory need not be aligned like a vector. The copy is one
// instruction. (A reference to a vector of lower alignment would do for g++; clang forgets it.)
template <class V = Vector>
V load(const real* p) {
  V v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
template <class V>
void store(real* p, V v) {
  std::memcpy(p, &v, sizeof(v));
}

using Kind = Epilogue::Kind;

// Which of A's steps is 1: neighbours in a row or neighbours in a column lie side by side.
enum class Steps { along_rows, along_columns };

struct Strip {  // the part of a product that is a few vectors of C wide
  Index k;
  MatrixView A;
  const real* B;
  Index b_row;       // from one row of B to the next
  const real* bias;  // of the strip's columns, or of all rows
  Bias::Kind bias_kind;
  real* C;
  Index c_row;  // from one row of C, and of h, to the next
  real slope;
  const real* h;
};

template <Kind kind, class V>
V finished(V v, real slope, const real* h) {
  if (kind == Kind::none) return v;
  if (kind == Kind::times) return v * load<V>(h);
  const V sign = kind == Kind::leaky_relu ? v : load<V>(h);
  return sign > 0 ? v : v * slope;
}

// C[i .. i+R)[0 .. width): sums over k of A[i.., k] B[k, ..], plus the bias. Not inlined: the
// compiler would keep numbers of the loops around it in vector registers.
template <Arithmetic how, Kind kind, Steps steps, int R, int width>
[[gnu::noinline]] void tile(const Strip& strip, Index i) {
  using V = std::conditional_t<(width >= kWideLanes), Wide, Vector>;
  constexpr int kIn = sizeof(V) / sizeof(real), N = width / kIn;  // numbers in a vector; vectors
  constexpr bool reads_h = kind == Kind::leaky_relu_gradient || kind == Kind::times;
  // One by one, for what is behind a reference might change with every store; and a copy of all
  // would be read in larger pieces than it was just written in, which takes a processor long.
  const Index k = strip.k, a_row = strip.A.row_step, a_column = strip.A.column_step;
  const Index b_row = strip.b_row, c_row = strip.c_row;
  const real *const A = strip.A.data + i * a_row, *const B = strip.B, *const bias = strip.bias;
  const real* const h = strip.h;
  const real slope = strip.slope;
  const bool per_row = strip.bias_kind == Bias::Kind::per_row;
  real* const C = strip.C;
  const real* rows[R];  // of A; without a_row inside the loop, addresses stay simple
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) rows[r] = A + r * a_row;
  V sum[R][N];  // in registers, as the loops over r and v are unrolled
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) sum[r][v] = per_row ? bias[i + r] - V{} : load<V>(bias + v * kIn);
  for (Index p = 0; p < k; ++p) {
    V b[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) b[v] = load<V>(B + p * b_row + v * kIn);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const real a = steps == Steps::along_rows ? rows[r][p] : A[p * a_column + r];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sum[r][v] = multiply_add<how>(a - V{}, b[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      const Index at = (i + r) * c_row + v * kIn;
      store(C + at, finished<kind>(sum[r][v], slope, reads_h ? h + at : nullptr));
    }
}

// All rows of a strip: tiles of the full height, then smaller ones for what is left. As many sums
// as leave some registers free.
template <Arithmetic how, Kind kind, Steps steps, int width>
void run(const Strip& s, Index m) {
  constexpr int kVectors = std::max(1, width / kWideLanes);
  constexpr int kRows = kRegisters == 32 || kVectors == 1 ? 8 : kVectors == 2 ? 6 : 2;
  Index i = 0;
  for (; i + kRows <= m; i += kRows) tile<how, kind, steps, kRows, width>(s, i);
  if constexpr (kRows > 4)
    if (i + 4 <= m) tile<how, kind, steps, 4, width>(s, i), i += 4;
  if constexpr (kRows > 2)
    if (i + 2 <= m) tile<how, kind, steps, 2, width>(s, i), i += 2;
  if (i < m) tile<how, kind, steps, 1, width>(s, i);
}

// One step in transposing kLanes vectors: numbers of x whose place has the bit `s` change places
// with those of y whose place has not.
template <int s, int... place>
void exchange(Vector& x, Vector& y, std::integer_sequence<int, place...>) {
  const Vector low = __builtin_shufflevector(x, y, (place & s ? kLanes + place - s : place)...);
  y = __builtin_shufflevector(x, y, (place & s ? kLanes + place : place + s)...);
  x = low;
}

template <int s>
[[gnu::always_inline]] inline void exchange_all(Vector* rows) {
#pragma GCC unroll 8
  for (int i = 0; i < kLanes; ++i)
    if (!(i & s)) exchange<s>(rows[i], rows[i + s], std::make_integer_sequence<int, kLanes>{});
}

// A square of kLanes vectors, transposed.
[[gnu::always_inline]] inline void transpose_block(Vector* rows) {
  exchange_all<1>(rows);
  if constexpr (kLanes > 2) exchange_all<2>(rows);
  if constexpr (kLanes > 4) exchange_all<4>(rows);
}

// out[p * out_step + j] = in[j * in_step + p] for a square block of kLanes rows.
void transpose_block(real* out, Index out_step, const real* in, Index in_step) {
  Vector rows[kLanes];
#pragma GCC unroll 8
  for (int j = 0; j < kLanes; ++j) rows[j] = load(in + j * in_step);
  transpose_block(rows);
#pragma GCC unroll 8
  for (int p = 0; p < kLanes; ++p) store(out + p * out_step, rows[p]);
}

// Columns column .. column+width-1 of B (k, n), row by row; width is a multiple of kLanes.
void pack(real* out, const MatrixView& B, Index k, Index column, Index width) {
  const real* in = B.data + column * B.column_step;
  Index done = 0;
  if (B.row_step == 1) {  // kLanes columns at a time, which are as many streams of memory
    done = k / kLanes * kLanes;
    for (Index j = 0; j < width; j += kLanes)
      for (Index p = 0; p < done; p += kLanes)
        transpose_block(out + p * width + j, width, in + j * B.column_step + p, B.column_step);
  }
  for (Index p = done; p < k; ++p)
    for (Index j = 0; j < width; ++j) out[p * width + j] = in[p * B.row_step + j * B.column_step];
}

// The whole product, strip by strip; n is kLanes or more. (For fewer, see run_narrow.)
template <Arithmetic how, Kind kind, Steps steps>
void run(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, const Bias& bias,
         real* C, const Epilogue& epilogue) {
  // A strip of B is copied first where its rows are not contiguous, or so far apart that each is on
  // a page of its own.
  const bool in_place = B.column_step == 1 && (n * k <= 128 * 128 || m < 32);
  const Index widest = kRegisters == 32 || m <= 2 ? kWidest : kWidest / 2;
  const bool few = in_place || k <= kFew;
  real few_numbers[kFew * kWidest];
  const Buffer many_numbers(few ? 0 : k * widest);
  real* const packed = few ? few_numbers : many_numbers.data();
  Strip strip{k, A, packed, B.row_step, bias.data, bias.kind, C, n, epilogue.slope, nullptr};
  if (bias.kind == Bias::Kind::none) strip.bias = kZeros;
  for (Index column = 0; column < n;) {
    Index width = widest;
    while (width > kLanes && column + width > n) width /= 2;
    column = std::min(column, n - width);  // the last strip may repeat some columns
    if (in_place) {
      strip.B = B.data + column;
    } else {
      pack(packed, B, k, column, width);
      strip.b_row = width;
    }
    strip.C = C + column;
    if (epilogue.h) strip.h = epilogue.h + column;
    if (bias.kind == Bias::Kind::per_column) strip.bias = bias.data + column;
    width == kWidest       ? run<how, kind, steps, kWidest>(strip, m)
    : width == kWidest / 2 ? run<how, kind, steps, kWidest / 2>(strip, m)
                           : run<how, kind, steps, kLanes>(strip, m);
    column += width;
  }
}

// The same for fewer columns than a vector has lanes: beside columns of zeros.
template <Arithmetic how, Steps steps>
void run_narrow(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B,
                const Bias& bias, real* C, const Epilogue& epilogue) {
  const Buffer of_B(k * kLanes), of_C(m * kLanes);
  std::array<real, kLanes> wide_bias{};
  if (bias.kind == Bias::Kind::per_column) std::copy_n(bias.data, n, wide_bias.begin());
  for (Index p = 0; p < k; ++p)
    for (Index j = 0; j < kLanes; ++j)
      of_B.data()[p * kLanes + j] = j < n ? B.data[p * B.row_step + j * B.column_step] : 0;
  const Strip strip{.k = k,
                    .A = A,
                    .B = of_B.data(),
                    .b_row = kLanes,
                    .bias = bias.kind == Bias::Kind::per_row ? bias.data : wide_bias.data(),
                    .bias_kind = bias.kind,
                    .C = of_C.data(),
                    .c_row = kLanes,
                    .slope = 0,
                    .h = nullptr};
  run<how, Kind::none, steps, kLanes>(strip, m);
  for (Index i = 0; i < m; ++i) std::copy_n(of_C.data() + i * kLanes, n, C + i * n);
  finish(m, n, {}, epilogue, C);
}

// Numbers of a row that are added side by side in sums along rows: as many on every processor, in
// one vector or in more, as their order decides about the last bits.
constexpr int kSumLanes = 32 / sizeof(real), kParts = kSumLanes / kLanes;

// sums[r * sums_step] = sum over j of row r's x[r * row_step + j], times weights[j] if weighted,
// for `rows` rows: as many as a vector has lanes, so that their sums end up as the lanes of one, or
// one, whose lanes are then added in the same order. A few vectors at a time, as a long sum would
// lose digits.
template <Arithmetic how, bool weighted, int rows>
void sums_together(const real* x, Index row_step, Index columns, const real* weights, real* sums,
                   Index sums_step) {
  constexpr Index kAtOnce = 16 * kSumLanes;
  Carried total[rows] = {};
  Index j = 0;
  while (j + kSumLanes <= columns) {
    const Index end = std::min(j + kAtOnce, columns / kSumLanes * kSumLanes);
    Vector sum[kParts][kLanes] = {};
    for (; j < end; j += kSumLanes)
#pragma GCC unroll 8
      for (int part = 0; part < kParts; ++part) {
        const Vector weight = weighted ? load(weights + j + part * kLanes) : Vector{};
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
          const Vector term = load(x + r * row_step + j + part * kLanes);
          sum[part][r] =
              weighted ? multiply_add<how>(term, weight, sum[part][r]) : sum[part][r] + term;
        }
      }
    if (rows == 1) {
      for (int lane = 1; lane < kSumLanes; ++lane)
        sum[0][0][0] += sum[lane / kLanes][0][lane % kLanes];
    } else {
      for (int part = 0; part < kParts; ++part) transpose_block(sum[part]);
#pragma GCC unroll 8
      for (int lane = 1; lane < kSumLanes; ++lane) sum[0][0] += sum[lane / kLanes][lane % kLanes];
    }
    if (end == columns && columns <= kAtOnce) {  // all of it: what would be added to 0 as Carried
      for (int r = 0; r < rows; ++r) sums[r * sums_step] = sum[0][0][r] + real{0};
      return;
    }
    for (int r = 0; r < rows; ++r) total[r] += sum[0][0][r];
  }
  for (; j < columns; ++j)
    for (int r = 0; r < rows; ++r) total[r] += x[r * row_step + j] * (weighted ? weights[j] : 1);
  for (int r = 0; r < rows; ++r) sums[r * sums_step] = static_cast<real>(total[r]);
}

template <Arithmetic how, bool weighted>
void sums_of_rows(const real* x, Index row_step, Index rows, Index columns, const real* weights,
                  real* sums, Index sums_step) {
  Index i = 0;
  for (; i + kLanes <= rows; i += kLanes)
    sums_together<how, weighted, kLanes>(x + i * row_step, row_step, columns, weights,
                                         sums + i * sums_step, sums_step);
  for (; i < rows; ++i)
    sums_together<how, weighted, 1>(x + i * row_step, row_step, columns, weights,
                                    sums + i * sums_step, sums_step);
}

// Few rows or columns, with B's columns as contiguous as A's rows: each row (column) of C is a
// matrix times a vector.
template <Arithmetic how>
void run_dots(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, real* C) {
  if (n <= m)
    for (Index j = 0; j < n; ++j)
      sums_of_rows<how, true>(A.data, A.row_step, m, k, B.data + j * B.column_step, C + j, n);
  else
    for (Index i = 0; i < m; ++i)
      sums_of_rows<how, true>(B.data, B.column_step, n, k, A.data + i * A.row_step, C + i * n, 1);
}

// C[0 .. kOuterRows)[0 .. kLanes) of a product whose rows of A and columns of B are both
// contiguous: the sum over p of column p of A times row p of B. Rows of B come from a block that is
// transposed in registers.
constexpr int kOuterRows = 8;
template <Arithmetic how>
[[gnu::noinline]] void outer_tile(Index k, const real* A, Index a_row, const real* B,
                                  Index b_column, real* C, Index c_row) {
  Vector sum[kOuterRows] = {};
  const auto add = [&](Index p, const Vector& b) {
#pragma GCC unroll 8
    for (int r = 0; r < kOuterRows; ++r)
      sum[r] = multiply_add<how>(A[r * a_row + p] - Vector{}, b, sum[r]);
  };
  Index p = 0;
  for (; p + kLanes <= k; p += kLanes) {
    Vector b[kLanes];
#pragma GCC unroll 8
    for (int j = 0; j < kLanes; ++j) b[j] = load(B + j * b_column + p);
    transpose_block(b);
#pragma GCC unroll 8
    for (int q = 0; q < kLanes; ++q) add(p + q, b[q]);
  }
  for (; p < k; ++p) {
    Vector b;
    for (int j = 0; j < kLanes; ++j) b[j] = B[j * b_column + p];
    add(p, b);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kOuterRows; ++r) store(C + r * c_row, sum[r]);
}

// Such products of few rows, for which packing a strip of B would take as long as the product. (Not
// with a bias, with which a sum begins elsewhere: which products these are depends on the width of
// vectors, and their bits must not.)
bool is_outer(Index m, Index n, const MatrixView& A, const MatrixView& B) {
  return A.column_step == 1 && B.row_step == 1 && m % kOuterRows == 0 && m <= 2 * kOuterRows &&
         n % kLanes == 0 && n <= 4 * kLanes;
}
template <Arithmetic how>
void run_outer(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, real* C) {
  for (Index i = 0; i < m; i += kOuterRows)
    for (Index j = 0; j < n; j += kLanes)
      outer_tile<how>(k, A.data + i * A.row_step, A.row_step, B.data + j * B.column_step,
                      B.column_step, C + i * n + j, n);
}

template <Arithmetic how, Steps steps>
void run(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, const Bias& bias,
         real* C, const Epilogue& epilogue) {
  const auto go = [&]<Kind kind>() { run<how, kind, steps>(m, n, k, A, B, bias, C, epilogue); };
  n < kLanes                          ? run_narrow<how, steps>(m, n, k, A, B, bias, C, epilogue)
  : epilogue.kind == Kind::none       ? go.template operator()<Kind::none>()
  : epilogue.kind == Kind::leaky_relu ? go.template operator()<Kind::leaky_relu>()
  : epilogue.kind == Kind::times      ? go.template operator()<Kind::times>()
                                      : go.template operator()<Kind::leaky_relu_gradient>();
}

template <Arithmetic how>
void multiply(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B, const Bias& bias,
              real* C, const Epilogue& epilogue) {
  if (std::min(m, n) <= 4 && A.column_step == 1 && B.row_step == 1) {
    run_dots<how>(m, n, k, A, B, C);
    finish(m, n, bias, epilogue, C);
  } else if (bias.kind == Bias::Kind::none && is_outer(m, n, A, B)) {
    run_outer<how>(m, n, k, A, B, C);
    finish(m, n, {}, epilogue, C);
  } else {
    A.column_step == 1 ? run<how, Steps::along_rows>(m, n, k, A, B, bias, C, epilogue)
                       : run<how, Steps::along_columns>(m, n, k, A, B, bias, C, epilogue);
  }
}

}  // namespace

bool is_large(Index m, Index n, Index k) { return m * k > kMostOfA && std::min({m, n, k}) > 16; }

void small_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B,
                const Bias& bias, real* C, const Epilogue& epilogue) {
  arithmetic() == Arithmetic::fused
      ? multiply<Arithmetic::fused>(m, n, k, A, B, bias, C, epilogue)
      : multiply<Arithmetic::portable>(m, n, k, A, B, bias, C, epilogue);
}

void sum_rows(const real* x, Index rows, Index columns, real* sums) {
  sums_of_rows<Arithmetic::portable, false>(x, columns, rows, columns, nullptr, sums, 1);
}

}  // namespace gradflow
