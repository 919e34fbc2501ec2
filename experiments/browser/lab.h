// Lab: two models that learn the same data, side by side, and what can be asked of both.
//
// The one idea: nothing here knows of a browser. The page is one front of it (engine.cpp), a test
// that compares hashes with those of a native program another.
//
// All points are standardised ones, (n, 2): mean 0 and deviation 1, as the models see them.
//
// Read next: engine.cpp.
#pragma once

#include <memory>
#include <optional>

#include "experiments/browser/learner.h"
#include "flows/linear/standardize.h"
#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"

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

// Which class is asked for; nothing: all of them in turn, or, for a density, the mixture of all.
using Label = std::optional<Index>;

struct Solver {
  const Tableau& tableau;
  Index steps;
};

class Lab {
 public:
  // Points in their own units, with labels or none. Throws Error for fewer than 64.
  void set_data(Data raw, Index classes);
  // New models, not trained. Throws Error if there is no data, or no classes to be told.
  void reset(const LabOptions& options);

  const Data& data() const { return data_; }
  const Standardize& units() const { return *units_; }
  Index classes() const { return classes_; }
  const LabOptions& options() const { return options_; }
  const Learner& learner(Which which) const;
  bool ready() const { return flow_ && matching_; }  // after reset()

  void step(Which which);

  // Points on their way from noise to data, or back: the points, and those after each coupling or
  // step; all seen the right way round, though each coupling of the flow is followed by an exchange
  // of the coordinates.
  std::vector<Tensor> carried(Which which, const Tensor& points, Way way, const Solver& solver,
                              Label label) const;
  Tensor velocity(const Tensor& points, real t, Label label) const;
  // Exact, but for the solver's error of Runge-Kutta's method: (n).
  Tensor log_density(Which which, const Tensor& points, Index steps, Label label) const;
  // The mean of -log p over points of the data: of the field, and of what the steps of Euler's
  // method make of it; nothing where a step turns space inside out.
  struct Cost {
    double exact;
    std::optional<double> solver;
  };
  Cost cost(Index steps) const;
  // One batch, each row of the noise with that row of the points.
  struct Pairs {
    Tensor noise, points;
  };
  Pairs pairs(bool optimal) const;

  // The tape of the next step.
  std::vector<Transcript::Node> transcript(Which which) const;

  std::string hash(Which which) const;
  // As the experiments save them: safetensors, with the units.
  std::string save(Which which) const;
  Which load(const std::string& bytes);

 private:
  void check_ready() const;
  Learner& own(Which which) const;
  Var flow_context(Index points, Label label) const;
  Labels labels(Index points, Label label) const;
  template <class F>
  Tensor mixed(Label label, const F& log_p) const;

  Data data_;
  Index classes_ = 0;
  std::optional<Standardize> units_;
  LabOptions options_;
  std::unique_ptr<Flow> flow_;
  std::unique_ptr<FlowMatching> matching_;
  std::unique_ptr<Learner> flow_learner_, matching_learner_;
};

}  // namespace gradflow
