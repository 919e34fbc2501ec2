// The fused form, in short: the numbers of a pass lie in one block of memory, layer by layer, and a
// layer is one call of kernel::gemm(), which adds the bias and applies the activation on the way.
//
// Inside, a batch lies features first: h (width, B) instead of (B, width), so that a layer is the
// same product transposed, W h instead of h W^T. It is then the batch, and not the width, that is
// cut into vectors of eight: the narrow layers of a coupling's networks (1-8-8-8-8-1), and the
// narrow ends of wide networks, cost no more than their share.

#include "nn/mlp.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensor/error.h"

namespace gradflow {
namespace {

// A layer within a pass. The offsets are places in Pass::memory.
struct Place {
  const Linear* layer;  // only its address is used after the forward pass
  Index in, out;
  Index W, b, h;  // weights, bias, and what the layer is given: (in, B)
};

struct Pass {
  Index points;  // B
  std::vector<Place> places;
  Index widest = 0;    // layer's size, input and output included
  Index weights = 0;   // how many numbers all W and b have
  Tensor memory = {};  // see plan()
  const real* at(Index offset) const { return memory.data() + offset; }
};

// A recorded pass has a copy of the weights: the model may change before its gradient is asked for,
// and threads that share a tensor would have to take turns at counting its owners.
Pass plan(const std::vector<Linear>& layers, Index points) {
  Pass pass{points, {}};
  pass.places.reserve(layers.size());
  Index end = 0;
  for (const Linear& layer : layers) {
    const Index in = layer.W.value.shape()[1], out = layer.W.value.shape()[0];
    pass.places.push_back({&layer, in, out, end, end + in * out, end + in * out + out});
    end += in * out + out + points * in;
    pass.weights += in * out + out;
    pass.widest = std::max({pass.widest, in, out});
  }
  pass.memory = Tensor(Shape{end});
  return pass;
}

// h_0 = x^T,   h_{l+1} = leaky_relu(W_l h_l + b_l),   y^T = W_{L-1} h_{L-1} + b_{L-1}
Tensor forward(Pass& pass, const Tensor& x) {
  const Index B = pass.points;
  Tensor y({pass.places.back().out, B});
  real* memory = pass.memory.mutable_data();
  std::copy_n(kernel::transpose(x).data(), x.size(), memory + pass.places[0].h);
  for (std::size_t l = 0; l < pass.places.size(); ++l) {
    const auto& [layer, in, out, W, b, h] = pass.places[l];
    const real *weights = layer->W.value.data(), *bias = layer->b.value.data();
    if (Tape::recording()) {
      std::copy_n(weights, in * out, memory + W);
      std::copy_n(bias, out, memory + b);
    }
    const bool last = l + 1 == pass.places.size();
    real* next = last ? y.mutable_data() : memory + pass.places[l + 1].h;
    kernel::gemm(out, B, in, {weights, in, 1}, {memory + h, B, 1}, {Bias::Kind::per_row, bias}, next,
         {last ? Epilogue::Kind::none : Epilogue::Kind::leaky_relu, kLeakySlope});
  }
  return kernel::transpose(y);
}

// From the last layer to the first, d (out, B) being the gradient of the layer's output before
// activation:
//   dW_l = d h_l^T      db_l = d summed over the batch      d <- (W_l^T d) leaky_relu'(h_l)
// (h_l has the sign of what leaky_relu was given, so the slope can be read off it.)
// Delivers dW_l and db_l, and returns dx if it is wanted.
Tensor backward(const Pass& pass, const Tensor& dy, bool want_dx, const Tape::Sink& to) {
  const Index B = pass.points;
  Tensor gradients(Shape{pass.weights});  // in the order of parameters(): W_0, b_0, W_1, ...
  real* dW = gradients.mutable_data() + pass.weights;
  Tensor scratch({2, B * pass.widest});
  real* d = scratch.mutable_data();
  real* d_before = d + B * pass.widest;
  std::copy_n(kernel::transpose(dy).data(), dy.size(), d);
  for (std::size_t l = pass.places.size(); l-- > 0;) {
    const auto& [layer, in, out, W, b, h] = pass.places[l];
    dW -= in * out + out;
    kernel::gemm(out, in, B, {d, B, 1}, {pass.at(h), 1, B}, {}, dW);
    sum_rows(d, out, B, dW + in * out);
    if (l == 0 && !want_dx) break;
    kernel::gemm(in, B, out, {pass.at(W), 1, in}, {d, B, 1}, {}, d_before,
         {l == 0 ? Epilogue::Kind::none : Epilogue::Kind::leaky_relu_gradient, kLeakySlope,
          pass.at(h)});
    std::swap(d, d_before);
  }
  const std::size_t piece = to.keep(std::move(gradients));
  Index offset = 0;
  for (const Place& place : pass.places) {
    to.add(&place.layer->W, piece, offset);
    to.add(&place.layer->b, piece, offset + place.in * place.out);
    offset += place.in * place.out + place.out;
  }
  if (!want_dx) return {};
  const Index in = pass.places[0].in;
  return kernel::transpose(Tensor({in, B}, std::span(d, std::size_t(in * B))));
}

// y again, from the pass's own weights, in operations that have rules: to be differentiated twice.
Var composed_again(const Pass& pass, const Var& x, Tape& tape) {
  Var y = x;
  for (std::size_t l = 0; l < pass.places.size(); ++l) {
    const auto& [layer, in, out, W, b, h] = pass.places[l];
    const Tensor weights({out, in}, std::span(pass.at(W), std::size_t(in * out)));
    const Tensor bias(Shape{out}, std::span(pass.at(b), std::size_t(out)));
    y = linear(y, tape.leaf(weights, &layer->W), tape.leaf(bias, &layer->b));
    if (l + 1 < pass.places.size()) y = leaky_relu(y, kLeakySlope);
  }
  return y;
}

Var fused(const Var& x, const std::vector<Linear>& layers) {
  const Index in = layers[0].W.value.shape()[1];
  require(x.shape().rank() == 2 && x.shape()[1] == in, "Mlp: x {} given; (B, {}) is required",
          x.shape(), in);
  Pass pass = plan(layers, x.rows());
  Tensor y = forward(pass, x.value());
  return record_jointly(
      "mlp", std::move(y), std::span(&x, 1),
      [x, pass = std::move(pass)](const Var& dy, const Tape::Sink& to) {
        if (to.record == Record::yes) return to.through(composed_again(pass, x, to.tape), dy);
        Tensor dx = backward(pass, dy.value(), x.tracked(), to);
        if (x.tracked()) to.add(x, std::move(dx));
      },
      Uses::parameters);
}

}  // namespace

std::vector<Index> layer_sizes(Index in, std::vector<Index> hidden, Index out) {
  hidden.insert(hidden.begin(), in);
  hidden.push_back(out);
  return hidden;
}

Mlp::Mlp(const std::vector<Index>& sizes, Rng& rng, Activation between) : activation(between) {
  require(sizes.size() >= 2, "Mlp: {} sizes given; at least an input's and an output's",
          sizes.size());
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    layers.emplace_back(sizes[i], sizes[i + 1], rng);
}

Var Mlp::operator()(const Var& x) const {
  return activation == default_activation && !Tape::watching() ? fused(x, layers) : composed(x);
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
