#include "tensor/kernels/gemm.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tensor/kernels/arithmetic.h"
#include "tensor/kernels/gemm_parts.h"

namespace gradflow {
namespace {

// C = A B + bias, the sums over k in parts.
void gemm_in_parts(Index m, Index n, Index k, MatrixView A, MatrixView B, real* C) {
  std::vector<Carried> total(static_cast<std::size_t>(m * n));
  for (; k > 0; k -= kernel::kLongestSum) {
    const Index terms = std::min(k, kernel::kLongestSum);
    kernel::gemm(m, n, terms, A, B, {}, C);
    std::transform(total.begin(), total.end(), C, total.begin(), std::plus<Carried>());
    A.data += terms * A.column_step;
    B.data += terms * B.row_step;
  }
  std::transform(total.begin(), total.end(), C, [](Carried sum) { return static_cast<real>(sum); });
}

}  // namespace

bool other_gemm(Index m, Index n, Index k, const MatrixView& A, const MatrixView& B,
                const Bias& bias, real* C, const Epilogue& epilogue) {
  if (k > kernel::kLongestSum)
    gemm_in_parts(m, n, k, A, B, C);
  else if (products() == Products::fastest && large_gemm(m, n, k, A, B, C))
    note_library();
  else
    return false;
  finish(m, n, bias, epilogue, C);
  return true;
}

void finish(Index m, Index n, const Bias& bias, const Epilogue& epilogue, real* C) {
  for (Index i = 0; i < m && bias.kind != Bias::Kind::none; ++i)
    for (Index j = 0; j < n; ++j)
      C[i * n + j] += bias.data[bias.kind == Bias::Kind::per_row ? i : j];
  if (epilogue.kind == Epilogue::Kind::none) return;
  if (epilogue.kind == Epilogue::Kind::times) {
#pragma omp simd
    for (Index i = 0; i < m * n; ++i) C[i] *= epilogue.h[i];
    return;
  }
  const real* sign = epilogue.kind == Epilogue::Kind::leaky_relu ? C : epilogue.h;
#pragma omp simd
  for (Index i = 0; i < m * n; ++i) C[i] = sign[i] > 0 ? C[i] : epilogue.slope * C[i];
}

std::string fitting_core(const std::string& core, bool has_avx2, bool has_avx512) {
  return core == "Prescott" && has_avx2 ? has_avx512 ? "SkylakeX" : "Haswell" : core;
}

std::string blas_advice(const std::string& core, bool has_avx2, bool has_avx512) {
  const std::string fitting = fitting_core(core, has_avx2, has_avx512);
  if (fitting == core) return "";
  return fmt::format(
      "gradflow: OpenBLAS takes this processor for a {}, so that large matrix products take about "
      "four times as long as they need; hint: set OPENBLAS_CORETYPE={} before the program starts",
      core, fitting);
}

}  // namespace gradflow
