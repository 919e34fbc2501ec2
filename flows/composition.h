// Composition: several bijections, one after another, as one.
#pragma once

#include <vector>

#include "flows/bijection.h"

namespace gradflow {

class Composition final : public Bijection {
 public:
  Composition() = default;                             // no layers: the identity
  Composition(const Composition& other);               // copies every layer
  Composition(Composition&&) = default;                // takes the layers over
  Composition& operator=(Composition other) noexcept;  // likewise, from a copy if need be

  // Layers are added from the latent side to the data side.
  template <class B>
  void add(B layer) {
    layers_.push_back(std::make_unique<B>(std::move(layer)));
  }
  // The number of layers.
  Index size() const { return std::ssize(layers_); }

  Mapped to_latent(const Var& x) const override;  // the last layer first
  Mapped to_data(const Var& z) const override;    // the first layer first
  // The points on the way: the given ones, then those after each layer; size() + 1 tensors (B, D).
  std::vector<Tensor> states_to_latent(const Tensor& x) const;
  std::vector<Tensor> states_to_data(const Tensor& z) const;

  Parameters parameters() override;  // "0.scale.0.weight", ...: each layer's behind its number
  NamedTensors constants() const override;
  void set_constants(const NamedTensors& constants) override;
  std::unique_ptr<Bijection> clone() const override { return std::make_unique<Composition>(*this); }

 private:
  std::vector<std::unique_ptr<Bijection>> layers_;
};

}  // namespace gradflow
