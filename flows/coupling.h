// Coupling: the layer that normalizing flows are made of.
//
// The one idea: leave some coordinates alone, and move each of the others by a univariate map whose
// raw numbers depend, through networks of any kind, on those that stay. Whatever the networks
// compute, the map can be undone (what stayed says how), and its Jacobian is triangular, so that
// its log-determinant is a sum.
//   Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP" (2017), section 3.2.
//
// Read next: chain.h, autoregressive.h (the other conditioner).
#pragma once

#include <optional>
#include <span>

#include "flows/conditioner.h"
#include "flows/univariate/univariate.h"

namespace gradflow {

struct CouplingOptions {           // beside those of the networks
  std::optional<Index> kept = {};  // how many coordinates, the first ones, stay; by default half
  bool one_network = false;        // for all raw numbers together; else one for each kind of them
  bool move_kept = false;          // kept coordinates move, too, by raw numbers of their own
};

class Coupling final : public Bijection {
 public:
  // For points of `dim` coordinates, at least 2. Throws ShapeError for fewer, and unless at least
  // one of them is kept and one moved.
  Coupling(Index dim, Univariate univariate, const ConditionerOptions& options, Rng& rng,
           const CouplingOptions& more = {});

  Index kept() const { return kept_; }                           // how many coordinates stay
  const Univariate& univariate() const { return *univariate_; }  // how the others move
  // The same, for who needs it for longer than the coupling may live.
  const std::shared_ptr<const Univariate>& shared_univariate() const { return univariate_; }
  bool moves_kept() const { return free_.has_value(); }        // whether these move, too
  std::span<Mlp> networks() { return networks_; }              // one for each raw number, or one
  std::span<const Mlp> networks() const { return networks_; }  // the same

  const char* name() const override { return "Coupling"; }
  Index dim() const override {
    require_not_moved(univariate_ != nullptr, name());
    return dim_;
  }
  Index context() const override { return context_; }
  Passes passes() const override { return {1, 1}; }
  void visit(const Visitor& visitor) override;  // "scale.0.weight", ..., "shift.0.weight", ...

 private:
  Mapped map_to_latent(const Var& x, const Var& context, LogDet log_det) const override;
  Mapped map_to_data(const Var& z, const Var& context, LogDet log_det) const override;
  Mapped composed_to_latent(const Var& x, const Var& context, LogDet log_det) const;
  Mapped composed_to_data(const Var& z, const Var& context, LogDet log_det) const;
  // The raw numbers of the coordinates that move, from those that stay: (B, M R).
  Var raw(const Var& kept, const Var& context) const {
    return interleaved(with_context(kept, context, context_), networks_);
  }
  Var raw_of_kept(Index B) const { return broadcast_to(*free_, {B, free_->shape()[1]}); }

  Index dim_, kept_, context_;
  std::shared_ptr<const Univariate> univariate_;  // shared by copies: it never changes
  std::vector<Mlp> networks_;
  std::optional<Parameter> free_;  // (1, kept R): the raw numbers of kept coordinates, if they move
};

}  // namespace gradflow
