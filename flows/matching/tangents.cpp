#include "flows/matching/tangents.h"

namespace gradflow {
namespace {

// The n-th derivative of a function that works element by element, by the rules of its own
// operations. Its own derivative is the next.
Var derivative(const Activation& f, const Var& x, int n = 1) {
  const Tensor value = [&] {
    Tape tape;
    const Var own = tape.variable(x.value());
    Var y = f(own);
    if (!y.tracked()) return zeros(own.shape());
    for (int k = 0; k < n; ++k) y = tape.backward(y, ones(y.shape()), Record::yes)[own];
    return y.value();
  }();
  return record("derivative", value,
                wrt(x, [f, x, n](const Var& dy) { return dy * derivative(f, x, n + 1); }));
}

}  // namespace

WithTangents pushed_forward(const Mlp& network, const Var& x, const std::vector<Var>& directions) {
  require(network.blocks == 0,
          "pushed_forward: a network with {} residual blocks given; one without is required",
          network.blocks);
  WithTangents h{x, directions};
  for (const Linear& layer : network.layers) {
    if (&layer != &network.layers.front()) {
      const Var slope = derivative(network.activation, h.value);
      for (Var& tangent : h.tangents) tangent = slope * tangent;
      h.value = network.activation(h.value);
    }
    const Var W = layer.W;
    for (Var& tangent : h.tangents) tangent = matmul(tangent, W, Trans::no, Trans::yes);
    h.value = linear(h.value, W, layer.b);
  }
  return h;
}

}  // namespace gradflow
