#include "nn/residual_network.h"

namespace gradflow {
namespace {

constexpr real kSmall = real(1e-3);  // what a block adds at the beginning

std::size_t first_of_blocks(const Mlp& network) {
  return network.layers.size() - 1 - static_cast<std::size_t>(2 * network.blocks);
}

}  // namespace

Mlp residual_network(const std::vector<Index>& sizes, Index blocks, Rng& rng,
                     const Activation& between) {
  require(blocks >= 0, "residual_network: {} blocks given; 0 or more", blocks);
  require(
      blocks == 0 || sizes.size() >= 3,
      "residual_network: {} blocks and no hidden layer given; at least one, for blocks to add to",
      blocks);
  std::vector<Index> all = sizes;
  if (blocks > 0) all.insert(all.end() - 1, std::size_t(2 * blocks), sizes[sizes.size() - 2]);
  Mlp network(all, rng, between);
  network.blocks = blocks;
  for (std::size_t l = first_of_blocks(network) + 1; l < network.layers.size(); l += 2) {
    Linear& second = network.layers[l];
    second.W = rng.uniform(second.W.shape(), -kSmall, kSmall);
    second.b = rng.uniform(second.b.shape(), -kSmall, kSmall);
  }
  return network;
}

// h = W_0 x + b_0, then   h <- W_l a(h) + b_l                              in a hidden layer,
//                         h <- h + W_{l+1} a(W_l a(h) + b_l) + b_{l+1}     in a block;
//                         y = W_L a(h) + b_L
Var through_blocks(const Mlp& network, const Var& x,
                   const std::function<Var(std::size_t l, const Var& h)>& layer) {
  const auto next = [&](std::size_t l, const Var& h) { return layer(l, network.activation(h)); };
  const std::size_t first = first_of_blocks(network), last = network.layers.size() - 1;
  Var h = layer(0, x);
  for (std::size_t l = 1; l < first; ++l) h = next(l, h);
  for (std::size_t l = first; l < last; l += 2) h = h + next(l + 1, next(l, h));
  return last == 0 ? h : next(last, h);
}

}  // namespace gradflow
