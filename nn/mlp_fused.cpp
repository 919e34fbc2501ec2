// The fused form, in short: the numbers of a pass lie in one block of memory, layer by layer, and a
// layer is one call of kernel::gemm(), which adds the bias and applies the activation on the way.
//
// Inside, a batch lies features first: h (width, B) instead of (B, width), so that a layer is the
// same product transposed, W h instead of h W^T. It is then the batch, and not the width, that is
// cut into vectors: the narrow layers of a coupling's networks (1-8-8-8-8-1), and the narrow ends
// of wide networks, cost no more than their share.

#include "nn/mlp_fused.h"

#include <algorithm>

#include "tensor/matmul.h"

namespace gradflow {
namespace {

struct Layer {
  Index in, out;
  Index W, b;        // where its numbers begin in the block of all weights
  Index given;       // where what it is given, (in, B), begins in the memory of the pass
  real slope;        // of the activation after it
  bool first, last;  // of its network
};

// Several networks, one after another, and what they are given on the way.
struct Pass {
  Index points;               // B
  Index R = 0;                // networks
  std::vector<Layer> layers;  // of all of them
  Index weights = 0;          // how many numbers their parameters have
  Index widest = 0;           // layer's size, input and output included
  Tensor memory{};
  Index in() const { return layers.front().in; }
  Index out() const { return layers.back().out; }
};

Pass plan(std::span<const Mlp> networks, Index points) {
  Pass pass{.points = points, .R = std::ssize(networks), .layers = {}};
  pass.layers.reserve(networks.size() * networks[0].layers.size());
  Index end = points * networks[0].in();  // all begin with the same x
  for (const Mlp& network : networks)
    for (const Linear& linear : network.layers) {
      const Index in = linear.W.shape()[1], out = linear.W.shape()[0];
      const bool first = &linear == &network.layers.front(),
                 last = &linear == &network.layers.back();
      pass.layers.push_back({in, out, pass.weights, pass.weights + in * out, first ? 0 : end,
                             network.activation.slope.value_or(0), first, last});
      if (!first) end += points * in;
      pass.weights += in * out + out;
      pass.widest = std::max({pass.widest, in, out});
    }
  pass.memory = Tensor(Shape{end});
  return pass;
}

// Their parameters, in the order of the block.
std::vector<const Parameter*> parameters_of(std::span<const Mlp> networks) {
  std::vector<const Parameter*> all;
  all.reserve(2 * networks.size() * networks[0].layers.size());
  for (const Mlp& network : networks)
    for (const Linear& linear : network.layers) {
      all.push_back(&linear.W);
      all.push_back(&linear.b);
    }
  return all;
}

// out (n, m) = in (m, n) turned. In a shape that the compiler makes vectors of where one side is
// short, as it is at both ends of a coupling's network.
void turn(const real* in, Index m, Index n, real* out) {
  if (m == 1 || n == 1) {
    std::copy_n(in, m * n, out);
  } else if (m == 2) {
    for (Index j = 0; j < n; ++j) {
      out[2 * j] = in[j];
      out[2 * j + 1] = in[n + j];
    }
  } else if (n == 2) {
    for (Index i = 0; i < m; ++i) {
      out[i] = in[2 * i];
      out[m + i] = in[2 * i + 1];
    }
  } else {
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j) out[j * m + i] = in[i * n + j];
  }
}

// The row of network r's k-th output among all outputs, (M R, B): it is a column of y.
Index row_of(Index k, Index R, Index r) { return k * R + r; }

// h_0 = x^T,   h_{l+1} = activation(W_l h_l + b_l),   y^T = W_{L-1} h_{L-1} + b_{L-1}
// W_b(k): the numbers of the weights and biases of the k-th layer.
template <class Numbers>
Tensor forward(Pass& pass, const Tensor& x, const Numbers& W_b) {
  const Index B = pass.points, M = pass.out(), R = pass.R;
  Tensor y({B, M * R}), outputs({2, M * R * B});
  real* const in_turn = outputs.mutable_data();  // (M R, B)
  real* memory = pass.memory.mutable_data();
  turn(x.data(), B, pass.in(), memory);
  Index r = 0;
  for (std::size_t l = 0; l < pass.layers.size(); ++l) {
    const Layer& layer = pass.layers[l];
    const auto [W, b] = W_b(l);
    const bool in_place = M == 1 || R == 1;  // this network's rows are neighbours
    real* const own = in_turn + (in_place ? row_of(0, R, r) : M * R) * B;  // (M, B)
    real* next = layer.last ? own : memory + pass.layers[l + 1].given;
    kernel::gemm(layer.out, B, layer.in, {W, layer.in, 1}, {memory + layer.given, B, 1},
                 {Bias::Kind::per_row, b}, next,
                 {layer.last ? Epilogue::Kind::none : Epilogue::Kind::leaky_relu, layer.slope});
    if (!layer.last) continue;
    for (Index k = 0; k < M && !in_place; ++k)
      std::copy_n(own + k * B, B, in_turn + row_of(k, R, r) * B);
    ++r;
  }
  turn(in_turn, M * R, B, y.mutable_data());
  return y;
}

// From the last layer to the first, d (out, B) being the gradient of the layer's output before
// activation:
//   dW_l = d h_l^T      db_l = d summed over the batch      d <- (W_l^T d) activation'(h_l)
// (h_l has the sign of what the activation was given, so the slope can be read off it.)
// Returns dx and the gradient of the block of weights, as far as they are wanted.
std::array<Tensor, 2> backward(const Pass& pass, const Tensor& weights, const Tensor& dy,
                               const std::array<bool, 2>& wanted) {
  const auto [want_dx, want_weights] = wanted;
  const Index B = pass.points, in = pass.in(), M = pass.out(), R = pass.R;
  Tensor gradients(Shape{want_weights ? pass.weights : 0}), scratch({2, B * pass.widest});
  Tensor outputs({M * R, B});
  turn(dy.data(), B, M * R, outputs.mutable_data());
  Tensor dx_turned({want_dx ? in : 0, B});
  real* d = scratch.mutable_data();
  real* d_before = d + B * pass.widest;
  Index r = R;
  for (std::size_t l = pass.layers.size(); l-- > 0;) {
    const Layer& layer = pass.layers[l];
    const real* h = pass.memory.data() + layer.given;
    if (layer.last) {
      --r;
      for (Index k = 0; k < M; ++k) std::copy_n(outputs.data() + row_of(k, R, r) * B, B, d + k * B);
    }
    if (want_weights) {
      real* dW = gradients.mutable_data();
      kernel::gemm(layer.out, layer.in, B, {d, B, 1}, {h, 1, B}, {}, dW + layer.W);
      sum_rows(d, layer.out, B, dW + layer.b);
    }
    if (layer.first && !want_dx) continue;
    const MatrixView turned{weights.data() + layer.W, 1, layer.in};
    if (layer.first) {
      kernel::gemm(in, B, layer.out, turned, {d, B, 1}, {}, d_before);
      real* dx = dx_turned.mutable_data();
      const bool begun = r + 1 < R;  // by the network after this one
#pragma omp simd
      for (Index i = 0; i < in * B; ++i) dx[i] = (begun ? dx[i] : 0) + d_before[i];
    } else {
      kernel::gemm(layer.in, B, layer.out, turned, {d, B, 1}, {}, d_before,
                   {Epilogue::Kind::leaky_relu_gradient, pass.layers[l - 1].slope, h});
      std::swap(d, d_before);
    }
  }
  return {want_dx ? kernel::transpose(dx_turned) : Tensor(), std::move(gradients)};
}

// What it means: the networks with the numbers of the block instead of their own.
Var composed_of(const Pass& pass, const Var& x, const Var& block) {
  std::vector<Var> outputs;  // (B, M, 1) each
  Var h = x;
  for (const Layer& layer : pass.layers) {
    const Var W = reshape(slice(block, 0, layer.W, layer.b), {layer.out, layer.in});
    h = linear(layer.first ? x : h, W, slice(block, 0, layer.b, layer.b + layer.out));
    if (layer.last)
      outputs.push_back(reshape(h, {x.rows(), pass.out(), 1}));
    else
      h = leaky_relu(h, layer.slope);
  }
  return reshape(concat(outputs, 2), {x.rows(), pass.out() * pass.R});
}

}  // namespace

std::optional<Var> fused_interleaved(const Var& x, std::span<const Mlp> networks) {
  const bool known = std::all_of(networks.begin(), networks.end(), [](const Mlp& network) {
    return network.layers.size() == 1 || network.activation.slope;
  });
  if (!known || watching()) return std::nullopt;
  Recorder::tracks("Mlp", x);
  Pass pass = plan(networks, x.rows());
  const std::vector<const Parameter*> parameters = parameters_of(networks);
  if (!Recorder::recording())
    return forward(pass, x.value(), [&](std::size_t k) {
      return std::pair(parameters[2 * k]->value().data(), parameters[2 * k + 1]->value().data());
    });
  // A copy of the weights: the model may change before its gradient is asked for, and threads that
  // share a tensor would have to take turns at counting its owners.
  const std::optional<Var> block = side_by_side(parameters);
  if (!block) return std::nullopt;
  const Tensor weights = block->value();
  Tensor y = forward(pass, x.value(), [&](std::size_t k) {
    return std::pair(weights.data() + pass.layers[k].W, weights.data() + pass.layers[k].b);
  });
  const auto kept = std::make_shared<const Pass>(std::move(pass));
  return record_fused(
      "mlp", std::array{std::move(y)}, std::array{x, *block},
      [kept](const std::array<Var, 2>& of) { return std::array{composed_of(*kept, of[0], of[1])}; },
      [kept, weights](const std::array<Tensor, 1>& dy, const std::array<bool, 2>& wanted) {
        return backward(*kept, weights, dy[0], wanted);
      })[0];
}

}  // namespace gradflow
