// The one idea: keep a small tile of C in registers, a few rows of one or two vectors, and stream
// over k: each step loads one or two vectors of B's row and, for each row of the tile, repeats one
// number of A in all lanes and multiplies and adds. Tiles of 6 rows x 2 vectors or 8 x 1 keep
// enough independent sums in flight to hide the latency of the multiply-add units, and few enough
// for all of them to stay in registers.

#include "tensor/small_gemm.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/buffer.h"

namespace gradflow {
namespace {

#ifdef __AVX512F__
constexpr int kVectorBytes = 32, kRegisters = 32;
#else
constexpr int kVectorBytes = 32, kRegisters = 16;
#endif
constexpr int kLanes = kVectorBytes / sizeof(real);
constexpr real kZeros[2 * kLanes] = {};  // the bias of a product without one

// Eight floats (four doubles) that the compiler keeps in one register.
typedef real Vector __attribute__((vector_size(kVectorBytes)));

// From and to anywhere: numbers in memory need not be aligned like a vector. The copy is one
// instruction. (A reference to a vector of lower alignment would do for g++; clang forgets it.)
Vector load(const real* p) {
  Vector v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
void store(real* p, Vector v) { std::memcpy(p, &v, sizeof(v)); }

using Kind = Epilogue::Kind;

// Which of A's steps is 1: neighbours in a row or neighbours in a column lie side by side.
enum class Steps { along_rows, along_columns };

struct Strip {  // the part of a product that is V vectors of C wide
  Index m, k;
  MatrixView A;
  const real* B;
  Index b_row;
  const real* bias;  // of the strip's columns, or of all rows
  bool bias_per_row;
  real* C;
  const real* h;
  Index c_row;  // from one row of C, and of h, to the next
  real slope;
};

template <Kind kind>
Vector finished(const Strip& s, Vector v, Index at) {
  if constexpr (kind == Kind::leaky_relu) return v > 0 ? v : v * s.slope;
  if constexpr (kind == Kind::leaky_relu_gradient) return load(s.h + at) > 0 ? v : v * s.slope;
  return v;
}

// C[i .. i+R)[0 .. V * kLanes): sums over k of A[i.., k] B[k, ..], plus the bias.
template <Kind kind, Steps steps, int R, int V>
inline void tile(const Strip& s, Index i) {
  const real* rows[R];  // of A; without row_step inside the loop, addresses stay simple
  for (int r = 0; r < R; ++r) rows[r] = s.A.data + (i + r) * s.A.row_step;
  Vector sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sum[r][v] = s.bias_per_row ? s.bias[i + r] + Vector{} : load(s.bias + v * kLanes);
  for (Index p = 0; p < s.k; ++p) {
    Vector b[V];
    for (int v = 0; v < V; ++v) b[v] = load(s.B + p * s.b_row + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const real a = steps == Steps::along_rows ? rows[r][p] : rows[0][p * s.A.column_step + r];
      for (int v = 0; v < V; ++v) sum[r][v] += a * b[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      const Index at = (i + r) * s.c_row + v * kLanes;
      store(s.C + at, finished<kind>(s, sum[r][v], at));
    }
}

// All rows of a strip: tiles of the full height, then smaller ones for what is left.
template <Kind kind, Steps steps, int V>
void run(const Strip& s) {
  constexpr int kRows = V == 1 || kRegisters == 32 ? 8 : 6;
  Index i = 0;
  for (; i + kRows <= s.m; i += kRows) tile<kind, steps, kRows, V>(s, i);
  if (i + 4 <= s.m) tile<kind, steps, 4, V>(s, i), i += 4;
  if (i + 2 <= s.m) tile<kind, steps, 2, V>(s, i), i += 2;
  if (i < s.m) tile<kind, steps, 1, V>(s, i);
}

template <Kind kind, int V>
void run(const Strip& s) {
  s.A.column_step == 1 ? run<kind, Steps::along_rows, V>(s) : run<kind, Steps::along_columns, V>(s);
}

template <int V>
void run(const Strip& s, Kind kind) {
  switch (kind) {
    case Kind::none:
      return run<Kind::none, V>(s);
    case Kind::leaky_relu:
      return run<Kind::leaky_relu, V>(s);
    case Kind::leaky_relu_gradient:
      return run<Kind::leaky_relu_gradient, V>(s);
  }
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
void exchange_all(Vector* rows) {
  for (int i = 0; i < kLanes; ++i)
    if (!(i & s)) exchange<s>(rows[i], rows[i + s], std::make_integer_sequence<int, kLanes>{});
}

// out[p * out_step + j] = in[j * in_step + p] for a square block of kLanes rows.
void transpose_block(real* out, Index out_step, const real* in, Index in_step) {
  Vector rows[kLanes];
  for (int j = 0; j < kLanes; ++j) rows[j] = load(in + j * in_step);
  exchange_all<1>(rows);
  exchange_all<2>(rows);
  if constexpr (kLanes == 8) exchange_all<4>(rows);
  for (int p = 0; p < kLanes; ++p) store(out + p * out_step, rows[p]);
}

// Columns column .. column+width-1 of B (k, n), row by row, filled up with zeros to `padded`.
void pack(real* out, MatrixView B, Index k, Index column, Index width, Index padded) {
  const real* in = B.data + column * B.column_step;
  Index p = 0;
  if (B.row_step == 1 && width % kLanes == 0)
    for (; p + kLanes <= k; p += kLanes, in += kLanes, out += kLanes * padded)
      for (Index j = 0; j < width; j += kLanes)
        transpose_block(out + j, padded, in + j * B.column_step, B.column_step);
  for (; p < k; ++p, in += B.row_step, out += padded) {
    for (Index j = 0; j < width; ++j) out[j] = in[j * B.column_step];
    for (Index j = width; j < padded; ++j) out[j] = 0;
  }
}

// The last columns, fewer than a vector: bias, h, B and C take a detour over padded copies.
void run_edge(const Strip& strip, MatrixView B, Index column, Index width, Kind kind) {
  const Index m = strip.m, k = strip.k;
  Buffer packed(k * kLanes), padded(2 * m * kLanes);
  real* C = padded.data();
  real* h = C + m * kLanes;
  pack(packed.data(), B, k, column, width, kLanes);
  real columns_bias[kLanes] = {};
  const real* bias = strip.bias_per_row ? strip.bias : columns_bias;
  if (!strip.bias_per_row) std::copy_n(strip.bias, width, columns_bias);
  if (kind == Kind::leaky_relu_gradient) pack(h, {strip.h, strip.c_row, 1}, m, 0, width, kLanes);
  run<1>(
      {m, k, strip.A, packed.data(), kLanes, bias, strip.bias_per_row, C, h, kLanes, strip.slope},
      kind);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < width; ++j) strip.C[i * strip.c_row + j] = C[i * kLanes + j];
}

// The sum of a vector's numbers: one half is added to the other, until one is left.
real sum_of(Vector v) {
  real lanes[kLanes];
  store(lanes, v);
  for (Index half = kLanes / 2; half > 0; half /= 2)
    for (Index i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

real finished(const Epilogue& epilogue, real v, Index at) {
  if (epilogue.kind == Kind::none) return v;
  const real sign = epilogue.kind == Kind::leaky_relu ? v : epilogue.h[at];
  return sign > 0 ? v : v * epilogue.slope;
}

// Few long sums: where A's rows and B's columns lie contiguous, each number of C is a dot product
// of two of them, taken in vectors. R x Q of them at a time share their loads; those beyond the
// edge of C repeat the last one and are thrown away.
void run_dots(Index m, Index n, Index k, MatrixView A, MatrixView B, const Bias& bias, real* C,
              const Epilogue& epilogue) {
  constexpr int R = 4, Q = 2;
  const real *a[R], *b[Q];
  for (Index i = 0; i < m; i += R)
    for (Index j = 0; j < n; j += Q) {
      for (int r = 0; r < R; ++r) a[r] = A.data + std::min(i + r, m - 1) * A.row_step;
      for (int q = 0; q < Q; ++q) b[q] = B.data + std::min(j + q, n - 1) * B.column_step;
      Vector sum[R][Q] = {};
      Index p = 0;
      for (; p + kLanes <= k; p += kLanes)
        for (int r = 0; r < R; ++r)
          for (int q = 0; q < Q; ++q) sum[r][q] += load(a[r] + p) * load(b[q] + p);
      for (int r = 0; r < R && i + r < m; ++r)
        for (int q = 0; q < Q && j + q < n; ++q) {
          const Index at = (i + r) * n + j + q;
          real total = sum_of(sum[r][q]);
          for (Index rest = p; rest < k; ++rest) total += a[r][rest] * b[q][rest];
          if (bias.kind != Bias::Kind::none)
            total += bias.data[bias.kind == Bias::Kind::per_row ? i + r : j + q];
          C[at] = finished(epilogue, total, at);
        }
    }
}

}  // namespace

void small_gemm(Index m, Index n, Index k, MatrixView A, MatrixView B, const Bias& bias, real* C,
                const Epilogue& epilogue) {
  if (A.column_step == 1 && B.row_step == 1 && n < kLanes && k >= kLanes)
    return run_dots(m, n, k, A, B, bias, C, epilogue);
  // A strip of B is copied first where its rows are not contiguous, or so far apart that each is on
  // a page of its own.
  const bool in_place = B.column_step == 1 && (n * k <= 128 * 128 || m < 32);
  const bool per_row = bias.kind == Bias::Kind::per_row;
  const Buffer packed(in_place ? 0 : k * 2 * kLanes);
  const auto strip_at = [&](Index column) {
    const real* strip_bias = bias.kind == Bias::Kind::none ? kZeros
                             : per_row                     ? bias.data
                                                           : bias.data + column;
    return Strip{m,
                 k,
                 A,
                 B.data + column,
                 B.row_step,
                 strip_bias,
                 per_row,
                 C + column,
                 epilogue.h ? epilogue.h + column : nullptr,
                 n,
                 epilogue.slope};
  };
  Index column = 0;
  while (column + kLanes <= n) {
    const Index width = column + 2 * kLanes <= n ? 2 * kLanes : kLanes;
    Strip strip = strip_at(column);
    if (!in_place) {
      pack(packed.data(), B, k, column, width, width);
      strip.B = packed.data();
      strip.b_row = width;
    }
    width == kLanes ? run<1>(strip, epilogue.kind) : run<2>(strip, epilogue.kind);
    column += width;
  }
  if (column < n) run_edge(strip_at(column), B, column, n - column, epilogue.kind);
}

}  // namespace gradflow
