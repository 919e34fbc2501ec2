// The one idea: keep a small tile of C in registers (kTileRows rows of one or two vectors), and
// stream over k: each step loads one or two vectors of B's row and, for each row of the tile,
// repeats one number of A in all lanes and multiplies and adds. A tile of 6 x 2 vectors keeps 12
// independent sums in flight, enough to hide the latency of fused multiply-add units.

#include "tensor/small_gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace gradflow {
namespace {

constexpr Index kLanes = 32 / sizeof(real);
constexpr Index kTileRows = 6;

// Eight floats (four doubles) that the compiler keeps in one register; aligned like one number, so
// that it may be loaded from anywhere.
typedef real Vector __attribute__((vector_size(32), aligned(sizeof(real))));

// C[0..R)[0..V * kLanes) = sum over k of A[.., k] B[k, ..] + bias. B's rows are contiguous.
template <int R, int V>
void tile(Index k, const real* A, Index a_row, Index a_column, const real* B, Index b_row,
          const real* bias, real* C, Index c_row) {
  Vector sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sum[r][v] = bias ? *reinterpret_cast<const Vector*>(bias + v * kLanes) : Vector{};
  for (Index p = 0; p < k; ++p) {
    Vector b[V];
    for (int v = 0; v < V; ++v) b[v] = *reinterpret_cast<const Vector*>(B + p * b_row + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const real a = A[r * a_row + p * a_column];
      for (int v = 0; v < V; ++v) sum[r][v] += a * b[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) *reinterpret_cast<Vector*>(C + r * c_row + v * kLanes) = sum[r][v];
}

// All m rows of a strip of C that is V vectors wide.
template <int V>
void strip(Index m, Index k, MatrixView A, const real* B, Index b_row, const real* bias, real* C,
           Index c_row) {
  Index i = 0;
  const auto rows = [&]<int R>() {
    tile<R, V>(k, A.data + i * A.row_step, A.row_step, A.column_step, B, b_row, bias, C + i * c_row,
               c_row);
    i += R;
  };
  while (i + kTileRows <= m) rows.template operator()<kTileRows>();
  if (i + 4 <= m) rows.template operator()<4>();
  if (i + 2 <= m) rows.template operator()<2>();
  if (i < m) rows.template operator()<1>();
}

}  // namespace

void small_gemm(Index m, Index n, Index k, MatrixView A, MatrixView B, const real* bias, real* C) {
  const Index whole = n / kLanes * kLanes;  // columns in full vectors
  const bool in_place = B.column_step == 1;
  // Where B's rows are not contiguous, or its last columns do not fill a vector, a strip of B is
  // copied, filled up with zeros, and C's strip is written beside C first.
  static thread_local std::vector<real> packed, edge;
  packed.resize(static_cast<std::size_t>(k * 2 * kLanes));
  const auto pack = [&](Index column, Index width, Index padded) {
    for (Index p = 0; p < k; ++p)
      for (Index j = 0; j < padded; ++j)
        packed[static_cast<std::size_t>(p * padded + j)] =
            j < width ? B.data[p * B.row_step + (column + j) * B.column_step] : real{0};
    return packed.data();
  };
  for (Index column = 0; column < whole;) {
    const Index width = column + 2 * kLanes <= whole ? 2 * kLanes : kLanes;
    const real* b = in_place ? B.data + column : pack(column, width, width);
    const Index b_row = in_place ? B.row_step : width;
    const real* row_bias = bias ? bias + column : nullptr;
    if (width == kLanes)
      strip<1>(m, k, A, b, b_row, row_bias, C + column, n);
    else
      strip<2>(m, k, A, b, b_row, row_bias, C + column, n);
    column += width;
  }
  if (const Index width = n - whole; width > 0) {
    edge.resize(static_cast<std::size_t>(m * kLanes));
    real edge_bias[kLanes] = {};
    if (bias) std::copy_n(bias + whole, width, edge_bias);
    strip<1>(m, k, A, pack(whole, width, kLanes), kLanes, edge_bias, edge.data(), kLanes);
    for (Index i = 0; i < m; ++i) std::copy_n(edge.data() + i * kLanes, width, C + i * n + whole);
  }
}

}  // namespace gradflow
