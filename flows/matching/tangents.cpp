#include "flows/matching/tangents.h"

#include <functional>

namespace gradflow {
namespace {

// f'(x) of a function that works element by element, by the rules of its own operations. The
// derivative of that is found in the same way.
Var derivative(const std::function<Var(const Var&)>& f, const Var& x) {
  const Tensor slope = [&] {
    Tape tape;
    const Var own = tape.variable(x.value());
    const Var y = f(own);
    return y.tracked() ? tape.backward(y, ones(y.shape()))[own].value() : zeros(own.shape());
  }();
  return record("derivative", slope, wrt(x, [f, x](const Var& dy) {
                  return dy * derivative([f](const Var& at) { return derivative(f, at); }, x);
                }));
}

}  // namespace

WithTangents pushed_forward(const Mlp& network, const Var& x, const std::vector<Var>& directions) {
  WithTangents h{x, directions};
  for (const Linear& layer : network.layers) {
    if (&layer != &network.layers.front()) {
      const Var slope = derivative(network.activation.function, h.value);
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
