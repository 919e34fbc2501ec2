#include "flows/masked_network.h"

namespace gradflow {
namespace {

using Degrees = std::vector<Index>;  // of a layer's units

Index checked(Index dim) {
  require(dim >= 1, "MaskedAutoregressive: {} coordinates given; at least 1", dim);
  return dim;
}

Degrees degrees_of_inputs(Index dim, Index context) {
  Degrees degrees;
  for (Index i = 1; i <= dim; ++i) degrees.push_back(i);
  degrees.resize(static_cast<std::size_t>(dim + context), 0);
  return degrees;
}

// 1 to D - 1 in turn: so every coordinate but the last is seen through every layer. (Of one
// coordinate nothing may be seen: 0, the context's.)
Degrees degrees_of_hidden(Index dim, Index units) {
  require(units >= dim - 1,
          "MaskedAutoregressive: a hidden layer of {} units for {} coordinates given; at least {}, "
          "or some would not be seen",
          units, dim, dim - 1);
  Degrees degrees;
  for (Index j = 0; j < units; ++j) degrees.push_back(dim == 1 ? 0 : j % (dim - 1) + 1);
  return degrees;
}

// Of raw numbers: of coordinate i, which must see those below i alone.
Degrees degrees_of_outputs(Index dim, Index numbers) {
  Degrees degrees;
  for (Index k = 0; k < dim * numbers; ++k) degrees.push_back(k / numbers);
  return degrees;
}

// (out, in): 1 where a unit may see one before it.
Tensor mask(const Degrees& out, const Degrees& in) {
  Tensor seen({std::ssize(out), std::ssize(in)});
  real* at = seen.mutable_data();
  for (const Index own : out)
    for (const Index other : in) *at++ = real(own >= other);
  return seen;
}

}  // namespace

MaskedNetwork::MaskedNetwork(Index dim, Index numbers, const ConditionerOptions& options, Rng& rng)
    : network_(conditioner(checked(dim) + options.context, options, dim * numbers, rng)) {
  Degrees before = degrees_of_inputs(dim, options.context);
  for (const Linear& layer : network_.layers) {
    const bool last = &layer == &network_.layers.back();
    Degrees own =
        last ? degrees_of_outputs(dim, numbers) : degrees_of_hidden(dim, layer.W.shape()[0]);
    masks_.push_back(mask(own, before));
    before = std::move(own);
  }
}

// As the network, with the weights W_l mask_l. Units of one number in layers of one size have one
// degree: so a block adds to each unit what it may see.
Var MaskedNetwork::operator()(const Var& input) const {
  return through_blocks(network_, input, [this](std::size_t l, const Var& h) {
    const Linear& layer = network_.layers[l];
    return linear(h, layer.W * masks_[l], layer.b);
  });
}

}  // namespace gradflow
