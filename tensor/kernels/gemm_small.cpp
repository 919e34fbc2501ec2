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
constexpr int kWidest = 4 * kLanes;  // strip of columns
constexpr Index kFew = 64;           // rows of B, a copy of which needs no memory but the stack

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

// The part of a product that is a few vectors of C wide, or several of them side by side. (What
// views say stands here apart: neighbours would be copied together, in larger pieces than they were
// just written in, for which a processor waits long.)
struct Strip {
  const real *A, *B;
  Index a_row, b_row;  // from one row of A, and of B, to the next
  const real* bias;    // of the strip's columns, or of all rows; or null
  Index a_column;      // from one column of A to the next
  Index k;
  bool per_row;
  real* C;
  Index c_row;  // from one row of C, and of h, to the next
  const real* h;
  real slope;
  Index columns;  // of all of them
};

template <Kind kind, class V>
V finished(V v, real slope, const real* h) {
  if (kind == Kind::none) return v;
  if (kind == Kind::times) return v * load<V>(h);
  const V sign = kind == Kind::leaky_relu ? v : load<V>(h);
  return sign > 0 ? v : v * slope;
}

// The same address, of which the compiler does not know that it is: it is not to compute before a
// loop all that can be computed there, and fill the registers.
template <class T>
[[gnu::always_inline]] inline T* afresh(T* address) {
  asm("" : "+r"(address));
  return address;
}

// C[i .. i+R)[0 .. columns), `width` columns at a time: sums over k of A[i.., k] B[k, ..], plus the
// bias. Not inlined: the compiler would keep numbers of the loops around it in vector registers.
template <Arithmetic how, Kind kind, Steps steps, int R, int width>
[[gnu::noinline]] void tiles(const Strip& strip, Index i) {
  using V = std::conditional_t<(width >= kWideLanes), Wide, Vector>;
  constexpr int kIn = sizeof(V) / sizeof(real), N = width / kIn;  // numbers in a vector; vectors
  constexpr bool reads_h = kind == Kind::leaky_relu_gradient || kind == Kind::times;
  // One by one, for what is behind a reference might change with every store.
  const Index k = strip.k, a_row = strip.a_row, a_column = strip.a_column;
  const Index b_row = strip.b_row, c_row = strip.c_row;
  const real* const A = strip.A + i * a_row;
  const bool per_row = strip.per_row;
  const real slope = strip.slope;
  const real* rows[R];  // of A; without a_row inside the loop, addresses stay simple
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) rows[r] = A + r * a_row;
  const real *B = strip.B, *bias = strip.bias ? strip.bias + (per_row ? i : 0) : nullptr;
  const real* h = reads_h ? strip.h + i * c_row : nullptr;
  real *C = strip.C + i * c_row, *const end = C + strip.columns;
  for (; C < end; C += width) {
    V sum[R][N];  // in registers, as the loops over r and v are unrolled
    const real* const start = afresh(bias);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v)
        sum[r][v] = !start ? V{} : per_row ? start[r] - V{} : load<V>(start + v * kIn);
    const real* row = B;
    for (Index p = 0; p < k; ++p, row += b_row) {
      V b[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) b[v] = load<V>(row + v * kIn);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const real a = steps == Steps::along_rows ? rows[r][p] : A[p * a_column + r];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[r][v] = multiply_add<how>(a - V{}, b[v], sum[r][v]);
      }
    }
    real* c = afresh(C);
    const real* d = h;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v)
        store(c + v * kIn, finished<kind>(sum[r][v], slope, reads_h ? d + v * kIn : nullptr));
      c = afresh(c + c_row);
      if (reads_h) d = afresh(d + c_row);
    }
    B += width;
    if (reads_h) h += width;
    if (bias && !per_row) bias += width;
  }
}

// All rows of a strip: tiles of the full height, then smaller ones for what is left. As many sums
// as leave some registers free.
template <Arithmetic how, Kind kind, Steps steps, int width>
void run(const Strip& s, Index m) {
  constexpr int kVectors = std::max(1, width / kWideLanes);
  constexpr int kRows = kRegisters == 32 || kVectors == 1 ? 8 : kVectors == 2 ? 6 : 2;
  Index i = 0;
  for (; i + kRows <= m; i += kRows) tiles<how, kind, steps, kRows, width>(s, i);
  if constexpr (kRows > 4)
    if (i + 4 <= m) tiles<how, kind, steps, 4, width>(s, i), i += 4;
  if constexpr (kRows > 2)
    if (i + 2 <= m) tiles<how, kind, steps, 2, width>(s, i), i += 2;
  if (i < m) tiles<how, kind, steps, 1, width>(s, i);
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

// How many columns the next strip has, of n that begin at `column`. The last one begins further to
// the front if need be, and repeats some.
Index next_strip(Index& column, Index n, Index widest) {
  Index width = widest;
  while (width > kLanes && column + width > n) width /= 2;
  column = std::min(column, n - width);
  return width;
}

template <Arithmetic how, Kind kind, Steps steps>
void run(const Strip& strip, Index m, Index width) {
  width == kWidest       ? run<how, kind, steps, kWidest>(strip, m)
  : width == kWidest / 2 ? run<how, kind, steps, kWidest / 2>(strip, m)
                         : run<how, kind, steps, kLanes>(strip, m);
}

Index widest_strip(Index m) { return kRegisters == 32 || m <= 2 ? kWidest : kWidest / 2; }

// Moves the strip to this column of C, of h and of the bias.
[[gnu::always_inline]] inline void move_to(Strip& strip, Index column, real* C, const real* h,
                                           const real* bias) {
  strip.C = C + column;
  if (h) strip.h = h + column;
  if (bias && !strip.per_row) strip.bias = bias + column;
}

// The whole product, of which `strip` is all columns, n; they are kLanes or more. (For fewer, see
// run_narrow.) While B stays in the nearest cache, strips of one width are done together.
template <Arithmetic how, Kind kind, Steps steps>
void run_in_place(Strip& strip, Index m, Index n) {
  constexpr Index kNear = 1 << 12;
  const Index widest = widest_strip(m), together = n * strip.k <= kNear ? n / widest * widest : 0;
  const real *const B = strip.B, *const h = strip.h, *const bias = strip.bias;
  real* const C = strip.C;
  for (Index column = 0; column < n; column += strip.columns) {
    const bool first = column < together;
    const Index width = first ? widest : next_strip(column, n, widest);
    strip.columns = first ? together : width;
    strip.B = B + column;
    move_to(strip, column, C, h, bias);
    run<how, kind, steps>(strip, m, width);
  }
}

// The same, if a strip of B has to be copied first.
template <Arithmetic how, Kind kind, Steps steps>
void run_packed(Strip& strip, Index m, Index n, const MatrixView& B) {
  const Index widest = widest_strip(m), k = strip.k;
  real few_numbers[kFew * kWidest];
  const Buffer many_numbers(k <= kFew ? 0 : k * widest);
  real* const packed = k <= kFew ? few_numbers : many_numbers.data();
  const real *const h = strip.h, *const bias = strip.bias;
  real* const C = strip.C;
  strip.B = packed;
  for (Index column = 0; column < n; column += strip.columns) {
    const Index width = next_strip(column, n, widest);
    pack(packed, B, k, column, width);
    strip.b_row = strip.columns = width;
    move_to(strip, column, C, h, bias);
    run<how, kind, steps>(strip, m, width);
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
  const Strip strip{.A = A.data,
                    .B = of_B.data(),
                    .a_row = A.row_step,
                    .b_row = kLanes,
                    .bias = bias.kind == Bias::Kind::per_row ? bias.data : wide_bias.data(),
                    .a_column = A.column_step,
                    .k = k,
                    .per_row = bias.kind == Bias::Kind::per_row,
                    .C = of_C.data(),
                    .c_row = kLanes,
                    .h = nullptr,
                    .slope = 0,
                    .columns = kLanes};
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
[[gnu::always_inline]] inline void run_dots(Index m, Index n, Index k, const MatrixView& A,
                                            const MatrixView& B, real* C) {
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
    const real* column = B + p;
#pragma GCC unroll 8
    for (int j = 0; j < kLanes; ++j, column = afresh(column + b_column)) b[j] = load(column);
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
[[gnu::always_inline]] inline void run_outer(Index m, Index n, Index k, const MatrixView& A,
                                             const MatrixView& B, real* C) {
  for (Index i = 0; i < m; i += kOuterRows)
    for (Index j = 0; j < n; j += kLanes)
      outer_tile<how>(k, A.data + i * A.row_step, A.row_step, B.data + j * B.column_step,
                      B.column_step, C + i * n + j, n);
}

template <Arithmetic how, Steps steps>
[[gnu::always_inline]] inline void run(Index m, Index n, Index k, const MatrixView& A,
                                       const MatrixView& B, const Bias& bias, real* C,
                                       const Epilogue& epilogue) {
  if (n < kLanes) return run_narrow<how, steps>(m, n, k, A, B, bias, C, epilogue);
  Strip strip{.A = A.data,
              .B = B.data,
              .a_row = A.row_step,
              .b_row = B.row_step,
              .bias = bias.kind == Bias::Kind::none ? nullptr : bias.data,
              .a_column = A.column_step,
              .k = k,
              .per_row = bias.kind == Bias::Kind::per_row,
              .C = C,
              .c_row = n,
              .h = epilogue.h,
              .slope = epilogue.slope,
              .columns = n};
  // In place unless B's rows are not contiguous, or so far apart that each is on a page of its own.
  const bool in_place = B.column_step == 1 && (n * k <= 128 * 128 || m < 32);
  const auto go = [&]<Kind kind>() {
    in_place ? run_in_place<how, kind, steps>(strip, m, n)
             : run_packed<how, kind, steps>(strip, m, n, B);
  };
  epilogue.kind == Kind::none         ? go.template operator()<Kind::none>()
  : epilogue.kind == Kind::leaky_relu ? go.template operator()<Kind::leaky_relu>()
  : epilogue.kind == Kind::times      ? go.template operator()<Kind::times>()
                                      : go.template operator()<Kind::leaky_relu_gradient>();
}

template <Arithmetic how>
[[gnu::always_inline]] inline void multiply(Index m, Index n, Index k, const MatrixView& A,
                                            const MatrixView& B, const Bias& bias, real* C,
                                            const Epilogue& epilogue) {
  if (std::min(m, n) <= 4 && A.column_step == 1 && B.row_step == 1) {
    run_dots<how>(m, n, k, A, B, C);
    if (bias.kind != Bias::Kind::none || epilogue.kind != Kind::none)
      finish(m, n, bias, epilogue, C);
  } else if (bias.kind == Bias::Kind::none && is_outer(m, n, A, B)) {
    run_outer<how>(m, n, k, A, B, C);
    if (epilogue.kind != Kind::none) finish(m, n, {}, epilogue, C);
  } else {
    A.column_step == 1 ? run<how, Steps::along_rows>(m, n, k, A, B, bias, C, epilogue)
                       : run<how, Steps::along_columns>(m, n, k, A, B, bias, C, epilogue);
  }
}

}  // namespace

// Here, so that the way to a small product is short: each call on it would cost a few per cent of
// the product.
void kernel::gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B,
                  const Bias& bias, real* C, const Epilogue& epilogue) {
  if ((k > kLongestSum || is_large(m, n, k)) && other_gemm(m, n, k, A, B, bias, C, epilogue))
    return;
  chosen_arithmetic.load(std::memory_order_relaxed) == Arithmetic::fused
      ? multiply<Arithmetic::fused>(m, n, k, A, B, bias, C, epilogue)
      : multiply<Arithmetic::portable>(m, n, k, A, B, bias, C, epilogue);
}

void sum_rows(const real* x, Index rows, Index columns, real* sums) {
  sums_of_rows<Arithmetic::portable, false>(x, columns, rows, columns, nullptr, sums, 1);
}

}  // namespace gradflow
