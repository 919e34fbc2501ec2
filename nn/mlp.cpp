#include "nn/mlp.h"

#include <fmt/format.h>

#include "nn/mlp_fused.h"
#include "nn/residual_network.h"

namespace gradflow {

std::vector<Index> layer_sizes(Index in, std::vector<Index> hidden, Index out) {
  hidden.insert(hidden.begin(), in);
  hidden.push_back(out);
  return hidden;
}

Mlp::Mlp(const std::vector<Index>& sizes, Rng& rng, const Activation& between)
    : activation(between) {
  require(sizes.size() >= 2, "Mlp: {} sizes given; at least an input's and an output's",
          sizes.size());
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    layers.emplace_back(sizes[i], sizes[i + 1], rng);
}

// h_0 = x,   h_{l+1} = activation(h_l W_l^T + b_l),   y = h_{L-1} W_{L-1}^T + b_{L-1}
Var Mlp::composed(const Var& x) const {
  require_not_moved(!layers.empty(), "Mlp");
  if (blocks > 0) return through_blocks(*this, x, [&](auto l, auto& h) { return layers[l](h); });
  Var h = x;
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) h = activation(layers[i](h));
  return layers.back()(h);
}

Var composed_interleaved(const Var& x, std::span<const Mlp> networks) {
  require(!networks.empty(), "interleaved: no networks given; at least 1");
  if (networks.size() == 1) return networks[0].composed(x);
  std::vector<Var> outputs;  // (B, M, 1) each
  for (const Mlp& network : networks)
    outputs.push_back(reshape(network.composed(x), {x.rows(), network.out(), 1}));
  const Index numbers = networks[0].out() * std::ssize(networks);
  return reshape(concat(outputs, 2), {x.rows(), numbers});
}

Var Mlp::operator()(const Var& x) const { return interleaved(x, std::span(this, 1)); }

Var interleaved(const Var& x, std::span<const Mlp> networks) {
  require(!networks.empty(), "interleaved: no networks given; at least 1");
  const Index in = networks[0].in(), out = networks[0].out();
  require(x.shape().rank() == 2 && x.shape()[1] == in, "Mlp: x {} given; (B, {}) is required",
          x.shape(), in);
  for (const Mlp& network : networks)
    require(network.in() == in && network.out() == out,
            "interleaved: networks from {} to {} and from {} to {} given; all must be alike", in,
            out, network.in(), network.out());
  const std::optional<Var> y = fused_interleaved(x, networks);
  return y ? *y : composed_interleaved(x, networks);
}

Index Mlp::in() const {
  require_not_moved(!layers.empty(), "Mlp");
  return layers.front().W.shape()[1];
}
Index Mlp::out() const {
  require_not_moved(!layers.empty(), "Mlp");
  return layers.back().W.shape()[0];
}

void Mlp::visit(const Visitor& visit) {
  require_not_moved(!layers.empty(), "Mlp");
  for (std::size_t i = 0; i < layers.size(); ++i) visit(fmt::format("{}", i), layers[i]);
}

void Mlp::zero_last_layer() {
  require_not_moved(!layers.empty(), "Mlp");
  Linear& last = layers.back();
  last.W = zeros(last.W.shape());
  last.b = zeros(last.b.shape());
}

}  // namespace gradflow
