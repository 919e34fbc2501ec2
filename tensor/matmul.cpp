#include "tensor/matmul.h"

#include "tensor/error.h"

namespace gradflow {
namespace {

MatrixView view(const Tensor& x, Trans trans) {
  const Index width = x.shape()[1];
  return trans == Trans::no ? MatrixView{x.data(), width, 1} : MatrixView{x.data(), 1, width};
}

}  // namespace

namespace kernel {

Tensor matmul(const Tensor& A, const Tensor& B, Trans trans_a, Trans trans_b) {
  const auto mark = [](Trans t) { return t == Trans::yes ? "^T" : ""; };
  const int inner_a = trans_a == Trans::no ? 1 : 0, inner_b = trans_b == Trans::no ? 0 : 1;
  require(A.rank() == 2 && B.rank() == 2 && A.shape()[inner_a] == B.shape()[inner_b],
          "matmul: {}{} and {}{} given; (m, k) and (k, n) are required", A.shape(), mark(trans_a),
          B.shape(), mark(trans_b));
  Tensor C({A.shape()[1 - inner_a], B.shape()[1 - inner_b]});
  gemm(C.shape()[0], C.shape()[1], A.shape()[inner_a], view(A, trans_a), view(B, trans_b), {},
       C.mutable_data());
  return C;
}

Tensor affine(const Tensor& x, const Tensor& W, const Tensor& b) {
  require(x.rank() == 2 && W.rank() == 2 && x.shape()[1] == W.shape()[1],
          "linear: x {} and W {} given; x (B, in) and W (out, in) are required", x.shape(),
          W.shape());
  require(b.shape() == Shape{W.shape()[0]}, "linear: b {} given for W {}; b ({}) is required",
          b.shape(), W.shape(), W.shape()[0]);
  Tensor y({x.shape()[0], W.shape()[0]});
  gemm(y.shape()[0], y.shape()[1], x.shape()[1], view(x, Trans::no), view(W, Trans::yes),
       {Bias::Kind::per_column, b.data()}, y.mutable_data());
  return y;
}

}  // namespace kernel
}  // namespace gradflow
