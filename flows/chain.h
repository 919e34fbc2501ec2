// Chain: several bijections, one after another, as one. And Inverse: one turned round.
//
//   const Chain chain{Coupling(2, affine(), {}, rng), Permutation::reversal(2)};
//
// Read next: flow.h.
#pragma once

#include <vector>

#include "flows/bijection.h"
#include "flows/univariate/plain.h"

namespace gradflow {

class Chain final : public Bijection {
 public:
  // From the latent side to the data side. All have the same dim(); the context goes to those that
  // want one, which want one of the same size. Throws ShapeError otherwise, and for no layers.
  explicit Chain(std::vector<AnyBijection> layers);
  Chain(std::initializer_list<AnyBijection> layers) : Chain(std::vector(layers)) {}

  Index size() const { return std::ssize(layers_); }  // the number of layers
  // The i-th layer, from the latent side.
  AnyBijection& operator[](Index i) { return layers_[static_cast<std::size_t>(i)]; }
  const AnyBijection& operator[](Index i) const { return layers_[static_cast<std::size_t>(i)]; }

  // The points on the way, for figures: the given ones, then those after each layer; size() + 1
  // tensors (B, D). Nothing is recorded.
  std::vector<Tensor> states_to_latent(const Tensor& x, const Tensor& context = Tensor()) const;
  std::vector<Tensor> states_to_data(const Tensor& z, const Tensor& context = Tensor()) const;

  const char* name() const override { return "Chain"; }
  Index dim() const override {
    require_not_moved(!layers_.empty(), name());
    return layers_[0]->dim();
  }
  Index context() const override { return context_; }
  Passes passes() const override;               // of all layers together
  void visit(const Visitor& visitor) override;  // "0.scale.0.weight": each layer behind its number

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;
  Mapped mapped(Way way, const Var& points, const Var& context, LogDet log_det) const;
  void begin_with(const Tensor& x, const Tensor& context) override;

  std::vector<AnyBijection> layers_;
  Index context_ = 0;
};

// The same map with its directions exchanged: an inverse autoregressive flow is a masked
// autoregressive one turned round.
class Inverse final : public Bijection {
 public:
  explicit Inverse(AnyBijection of) : of_(std::move(of)) {}  // of any bijection

  const AnyBijection& of() const { return of_; }  // what is turned round

  const char* name() const override { return "Inverse"; }
  Index dim() const override { return of_->dim(); }
  Index context() const override { return of_->context(); }
  Passes passes() const override { return {of_->passes().to_data, of_->passes().to_latent}; }
  void visit(const Visitor& visitor) override { of_->visit(visitor); }

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override {
    return part_to_data(*of_, x, context, log_det);
  }
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override {
    return part_to_latent(*of_, z, context, log_det);
  }

  AnyBijection of_;
};

}  // namespace gradflow
