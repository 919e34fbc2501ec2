// ClassConditional: a bell for each class, at a place of its own.
//
// The one idea: told the class as a row with a 1 at its number (one_hot), the flow need not move
// the classes apart; they begin apart. The mean is a product with the table of means, so a row of
// probabilities gives a place in between.
#pragma once

#include "flows/base.h"

namespace gradflow {

// Rows with a 1 at each label: labels, of which there are `classes` -> (B, classes). Throws
// ShapeError for a label that is none of 0 to classes - 1.
inline Tensor one_hot(const std::vector<Index>& labels, Index classes) {
  Tensor rows = zeros({std::ssize(labels), classes});
  real* row = rows.mutable_data();
  for (const Index label : labels) {
    require(0 <= label && label < classes, "one_hot: label {} given; labels are 0 to {}", label,
            classes - 1);
    row[label] = 1;
    row += classes;
  }
  return rows;
}

// What a flow is told of points of these classes: such rows, or nothing where there are no classes.
inline Var class_context(const std::vector<Index>& labels, Index classes) {
  return classes > 0 ? Var(one_hot(labels, classes)) : no_context;
}

// N(mean of the class, I). Context: (B, classes).
class ClassConditional final : public Base {
 public:
  // Means ~ N(0, 1). Throws ShapeError unless both numbers are at least 1.
  ClassConditional(Index dim, Index classes, Rng& rng) {
    require(dim >= 1 && classes >= 1,
            "ClassConditional: {} coordinates and {} classes given; at least 1 of each", dim,
            classes);
    means_ = rng.normal({classes, dim});
  }
  Index dim() const override { return means_.value().shape()[1]; }
  Index context() const override { return means_.value().rows(); }
  Var log_prob(const Var& z, const Var& context) const override {
    check_points("ClassConditional::log_prob", z, dim());
    check_context("ClassConditional::log_prob", context, z.rows(), this->context());
    return standard_normal_log_prob(z - matmul(context, means_));
  }
  Var sample(Index n, Rng& rng, const Var& context) const override {
    check_samples("ClassConditional::sample", n);
    check_context("ClassConditional::sample", context, n, this->context());
    return rng.normal({n, dim()}) + matmul(context, means_);
  }
  void visit(const Visitor& visitor) override { visitor("means", means_); }

 private:
  Parameter means_;  // (classes, D)
};

}  // namespace gradflow
