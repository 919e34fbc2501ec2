#include "nn/mlp.h"

#include <fmt/format.h>

#include "tensor/error.h"
#include "tensor/math.h"

namespace gradflow {
namespace {

// The arguments of the fused operation: x, then W and b of each layer.
struct Arguments {
  std::vector<Var> list;

  const Var& x() const { return list[0]; }
  const Var& W(std::size_t layer) const { return list[1 + 2 * layer]; }
  const Var& b(std::size_t layer) const { return list[2 + 2 * layer]; }
  std::size_t layers() const { return list.size() / 2; }
};

MatrixView as_is(const Tensor& x) { return {x.data(), x.shape()[1], 1}; }
MatrixView transposed(const Tensor& x) { return {x.data(), 1, x.shape()[1]}; }

// h_0 = x,   h_{l+1} = leaky_relu(h_l W_l^T + b_l),   y = h_{L-1} W_{L-1}^T + b_{L-1}
// Returns h_0 ... h_{L-1} and y.
std::vector<Tensor> forward(const Arguments& arguments) {
  std::vector<Tensor> h{arguments.x().value()};
  h.reserve(arguments.layers() + 1);
  for (std::size_t l = 0; l < arguments.layers(); ++l) {
    const Tensor& W = arguments.W(l).value();
    const bool last = l + 1 == arguments.layers();
    Tensor next({h[l].rows(), W.shape()[0]});
    gemm(h[l].rows(), W.shape()[0], W.shape()[1], as_is(h[l]), transposed(W),
         arguments.b(l).value().data(), next.mutable_data(),
         {last ? Epilogue::Kind::none : Epilogue::Kind::leaky_relu, kLeakySlope});
    h.push_back(std::move(next));
  }
  return h;
}

// From the last layer to the first, d being the gradient of the layer's output before activation:
//   dW_l = d^T h_l      db_l = d summed over the batch      d <- (d W_l) leaky_relu'(h_l)
std::vector<Var> fast_gradient(const Arguments& arguments, const std::vector<Tensor>& h,
                               const Tensor& dy) {
  std::vector<Var> gradients(arguments.list.size(), Tensor());
  Tensor d = dy;
  for (std::size_t l = arguments.layers(); l-- > 0;) {
    const Tensor& W = arguments.W(l).value();
    const Index rows = d.rows(), out = W.shape()[0], in = W.shape()[1];
    Tensor dW(W.shape());
    gemm(out, in, rows, transposed(d), as_is(h[l]), nullptr, dW.mutable_data());
    gradients[1 + 2 * l] = std::move(dW);
    gradients[2 + 2 * l] = sum(d, 0);
    if (l == 0 && !arguments.x().tracked()) break;
    Tensor dx({rows, in});
    const auto kind = l == 0 ? Epilogue::Kind::none : Epilogue::Kind::leaky_relu_gradient;
    gemm(rows, in, out, as_is(d), as_is(W), nullptr, dx.mutable_data(),
         {kind, kLeakySlope, h[l].data()});
    d = std::move(dx);
  }
  gradients[0] = std::move(d);
  return gradients;
}

// The same in operations on Vars, from the arguments on, so that it can be differentiated again.
std::vector<Var> recorded_gradient(const Arguments& arguments, const Var& dy) {
  std::vector<Var> h{arguments.x()};
  for (std::size_t l = 0; l + 1 < arguments.layers(); ++l)
    h.push_back(leaky_relu(linear(h[l], arguments.W(l), arguments.b(l)), kLeakySlope));
  std::vector<Var> gradients(arguments.list.size(), Tensor());
  Var d = dy;
  for (std::size_t l = arguments.layers(); l-- > 0;) {
    gradients[1 + 2 * l] = matmul(d, h[l], Trans::yes);
    gradients[2 + 2 * l] = sum(d, 0);
    d = matmul(d, arguments.W(l));
    if (l > 0) d = d * leaky_relu_slope(h[l].value(), kLeakySlope);
  }
  gradients[0] = d;
  return gradients;
}

Var fused(const Var& x, const std::vector<Linear>& layers) {
  if (x.shape().rank() != 2 || x.shape()[1] != layers[0].W.value.shape()[1])
    throw ShapeError(fmt::format("Mlp: x {} given; (B, {}) is required", to_string(x.shape()),
                                 layers[0].W.value.shape()[1]));
  Arguments arguments;
  arguments.list.reserve(1 + 2 * layers.size());
  arguments.list.push_back(x);
  for (const Linear& layer : layers) {
    arguments.list.emplace_back(layer.W);
    arguments.list.emplace_back(layer.b);
  }
  std::vector<Tensor> h = forward(arguments);
  Tensor y = std::move(h.back());
  h.pop_back();
  const std::vector<Var>& list = arguments.list;
  return record_jointly("mlp", std::move(y), list, [arguments, h = std::move(h)](const Var& dy) {
    return Tape::recording() ? recorded_gradient(arguments, dy)
                             : fast_gradient(arguments, h, dy.value());
  });
}

}  // namespace

Mlp::Mlp(const std::vector<Index>& sizes, Rng& rng, Activation between) : activation(between) {
  if (sizes.size() < 2)
    throw ShapeError(
        fmt::format("Mlp: {} sizes given; at least an input's and an output's", sizes.size()));
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    layers.emplace_back(sizes[i], sizes[i + 1], rng);
}

Var Mlp::operator()(const Var& x) const {
  return activation == default_activation ? fused(x, layers) : composed(x);
}

Var Mlp::composed(const Var& x) const {
  Var h = x;
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) h = activation(layers[i](h));
  return layers.back()(h);
}

Parameters Mlp::parameters() {
  Parameters list;
  for (std::size_t i = 0; i < layers.size(); ++i)
    append(list, fmt::format("{}.", i), layers[i].parameters());
  return list;
}

void Mlp::zero_last_layer() {
  Linear& last = layers.back();
  last.W.value = zeros(last.W.value.shape());
  last.b.value = zeros(last.b.value.shape());
}

}  // namespace gradflow
