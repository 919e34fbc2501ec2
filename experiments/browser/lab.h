// Lab: two models that learn the same data, side by side, and what can be asked of both.
//
// The one idea: nothing here knows of a browser. The page is one front of it (engine.cpp), a test
// that compares hashes with those of a native program another.
//
// All points are standardised ones, (n, 2): mean 0 and deviation 1, as the models see them; but a
// drawing is seen as it was drawn.
//
// Read next: engine.cpp.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "experiments/browser/learner.h"
#include "experiments/table/plane_model.h"
#include "flows/chain.h"

namespace gradflow {

struct LabOptions {       // of both models
  bool spline = false;    // of the flow: splines, or affine maps
  Index couplings = 15;   // of the flow
  bool optimal = false;   // how noise is paired with data
  bool by_class = false;  // both are told the class
  bool smooth = false;    // the velocity network's activation: silu, or one with a kink
  Course course = {};
};

enum class Which { flow, matching };
inline constexpr Which kBoth[] = {Which::flow, Which::matching};

// Which class is asked for; nothing: all of them in turn, or, for a density, the mixture of all.
using Label = std::optional<Index>;

struct Solver {
  const Tableau& tableau;
  Index steps;
};

class Lab {
 public:
  // Points in their own units, with labels or none; to be standardised, or left as they are.
  // Throws Error for fewer than 64.
  void set_data(Data raw, Index classes, bool standardised = true);
  // New models, not trained; or one alone, if no other than its own options are different. Throws
  // Error if there is no data, or no classes to be told.
  void reset(const LabOptions& options, std::span<const Which> models = kBoth);
  // A model is kept in a place, with its training, while reset() makes another; and taken from
  // there again, in the place of that one. Throws Error if there is none, or if it is told other
  // classes than the data has.
  void keep(Which which, Index place);
  void take(Which which, Index place);

  const Data& data() const { return data_; }
  const Standardize& units() const { return *units_; }
  Index classes() const { return classes_; }
  const LabOptions& options() const { return options_; }
  const Learner& learner(Which which) const;
  bool ready() const { return flow_.learner && matching_.learner; }  // after reset()

  void step(Which which);

  // Points on their way from noise to data, or back: the points, and those after each coupling or
  // step; all seen the right way round, though each coupling of the flow is followed by an exchange
  // of the coordinates.
  std::vector<Tensor> carried(Which which, const Tensor& points, Way way, const Solver& solver,
                              Label label) const;
  Tensor velocity(const Tensor& points, real t, Label label) const;
  // Exact, but for the solver's error of Runge-Kutta's method: (n).
  Tensor log_density(Which which, const Tensor& points, Index steps, Label label) const;
  // Means over points of the data: of -log p of the field, which is the same whatever the solver;
  // and of how much more it is of what this solver's steps make of the field. Where a step turns
  // space inside out there is no such density: `lost` is over the others, 0 without any.
  struct Cost {
    double exact, lost;
    double folded;  // the share of the points that are left out
  };
  Cost cost(const Solver& solver) const;
  // One batch, each row of the noise with that row of the points.
  struct Pairs {
    Tensor noise, points;
  };
  Pairs pairs(bool optimal) const;

  // The tape of the next step.
  std::vector<Transcript::Node> transcript(Which which) const;

  std::string hash(Which which) const;
  // As the experiments save them: safetensors, with the units; or as `gradflow fit` does, if it is
  // one of its models that was loaded and trained further.
  std::string save(Which which) const;
  // Takes what plane_model.h reads in place of one of the models: from then on it is this one that
  // is trained, until reset(). Throws Error, with the reason, if there is none, or if it is told
  // other classes than the data has.
  Which load(const std::string& bytes);
  const Texts& about(Which which) const;  // what is saved beside the tensors
  const Architecture& made_of(Which which) const;

 private:
  struct Own {  // of each of the two: the model, its training, and what a file says of it
    std::shared_ptr<Flow> flow = {};
    std::shared_ptr<FlowMatching> matching = {};
    std::shared_ptr<Learner> learner = {};
    Texts about = {};
    Architecture made_of = {};
    Tensor ranks = {};
  };
  struct Kept {
    Own own;
    Standardize units;
    Index told;  // of how many classes
  };

  void check_ready() const;
  Index told() const { return options_.by_class ? classes_ : 0; }  // of how many classes
  void renew(Which which);
  void begin(Which which);  // a training, of the model as it is
  void see_data_in(const Standardize& units);
  Texts about_new(Which which) const;
  PlaneModel as_saved(Which which) const;
  Own& own(Which which) { return which == Which::flow ? flow_ : matching_; }
  const Own& own(Which which) const { return which == Which::flow ? flow_ : matching_; }
  Var flow_context(Index points, Label label) const;
  Labels labels(Index points, Label label) const;
  template <class F>
  Tensor mixed(Label label, const F& log_p) const;

  Data data_;
  Index classes_ = 0;
  std::optional<Standardize> units_;
  LabOptions options_;
  Own flow_, matching_;
  std::map<std::pair<Which, Index>, Kept> kept_;
};

}  // namespace gradflow
