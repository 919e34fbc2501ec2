#include "nn/plain_mlp.h"

#include <algorithm>

#include "tensor/matmul.h"

namespace gradflow {

namespace {

// Of a number of columns that the compiler knows, so that it makes vectors of the loop.
template <Index n>
void turn_columns(const real* in, Index m, real* out) {
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) out[j * m + i] = in[i * n + j];
}
template <Index m>
void turn_rows(const real* in, Index n, real* out) {
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < m; ++i) out[j * m + i] = in[i * n + j];
}

void turn_any(const real* in, Index m, Index n, real* out) {
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) out[j * m + i] = in[i * n + j];
}

}  // namespace

// One side is short at both ends of a coupling's network.
void turn(const real* in, Index m, Index n, real* out) {
  if (m == 1 || n == 1) {
    std::copy_n(in, m * n, out);
  } else if (n == 2) {
    turn_columns<2>(in, m, out);
  } else if (m == 2) {
    turn_rows<2>(in, n, out);
  } else if (n == 4) {
    turn_columns<4>(in, m, out);
  } else if (m == 4) {
    turn_rows<4>(in, n, out);
  } else {
    turn_any(in, m, n, out);
  }
}

void append_parameters(const Mlp& network, std::vector<const Parameter*>& list) {
  for (const Linear& linear : network.layers) {
    list.push_back(&linear.W);
    list.push_back(&linear.b);
  }
}

PlainMlp::PlainMlp(const Mlp& network, Index begin)
    : first_(network.layers.data()), activation_(network.activation), begin_of_next_(begin) {
  layers_.reserve(network.layers.size());
  for (const Linear& linear : network.layers) {
    const Tensor &W = linear.W.value(), &b = linear.b.value();
    const Index in = W.shape()[1], out = W.shape()[0];
    layers_.push_back({in, out, begin_of_next_, hidden_, W.data(), b.data()});
    begin_of_next_ += in * out + out;
    hidden_ += out;
    widest_ = std::max({widest_, in, out});
  }
  // A layer is given what the one before it has left; what the last one leaves is not kept.
  hidden_ -= layers_.back().out;
  for (std::size_t l = layers_.size(); l-- > 1;) layers_[l].given = layers_[l - 1].given;
}

// h_0 = x,   h_{l+1} = activation(W_l h_l + b_l),   y = W_{L-1} h_{L-1} + b_{L-1}
void PlainMlp::forward(Index B, const real* x, const real* block, real* kept, real* y) const {
  const real* h = x;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const bool last = l + 1 == layers_.size();
    real* const next = last ? y : kept + layers_[l + 1].given * B;
    const Epilogue epilogue{
        !last && activation_.slope ? Epilogue::Kind::leaky_relu : Epilogue::Kind::none,
        activation_.slope.value_or(0)};
    kernel::gemm(layer.out, B, layer.in, {layer.W(block), layer.in, 1}, {h, B, 1},
                 {Bias::Kind::per_row, layer.b(block)}, next, epilogue);
    if (!last && !activation_.slope)
      activation_.plain(layer.out * B, next, block ? next + hidden_ * B : nullptr);
    h = next;
  }
}

// From the last layer to the first, d (out, B) being the gradient of the layer's output before
// activation:
//   dW_l = d h_l^T      db_l = d summed over the batch      d <- (W_l^T d) activation'(h_l)
// (A leaky h_l has the sign of what the activation was given, so the slope can be read off it.)
const real* PlainMlp::backward(Index B, const real* x, const real* block, const real* kept, real* d,
                               real* spare, bool want_dx, real* gradients) const {
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const Layer& layer = layers_[l];
    const real* const h = l == 0 ? x : kept + layer.given * B;
    if (gradients) {
      kernel::gemm(layer.out, layer.in, B, {d, B, 1}, {h, 1, B}, {}, gradients + layer.at);
      sum_rows(d, layer.out, B, gradients + layer.b_at());
    }
    if (l == 0 && !want_dx) return nullptr;
    using enum Epilogue::Kind;
    const Epilogue epilogue = l == 0 ? Epilogue{}
                              : activation_.slope
                                  ? Epilogue{leaky_relu_gradient, *activation_.slope, h}
                                  : Epilogue{times, 0, h + hidden_ * B};
    kernel::gemm(layer.in, B, layer.out, {layer.W(block), 1, layer.in}, {d, B, 1}, {}, spare,
                 epilogue);
    std::swap(d, spare);
  }
  return d;
}

Var PlainMlp::composed(const Var& x, const Var& block) const {
  Var h = x;
  for (const Layer& layer : layers_) {
    const Var W = reshape(slice(block, 0, layer.at, layer.b_at()), {layer.out, layer.in});
    if (&layer != &layers_.front()) h = activation_(h);
    h = linear(h, W, slice(block, 0, layer.b_at(), layer.b_at() + layer.out));
  }
  return h;
}

}  // namespace gradflow
